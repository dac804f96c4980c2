import FoundationEssentials
import Jobs

/// `subscribe`, `unsubscribe` and `sub_refresh` (spec §6).
extension Session {
  func subscribe(_ command: Command) async throws(ReplyError) {
    guard let identity else { throw .unauthorized }
    let channel = try channel(of: command)
    if let type = command.request["type"], type.int != 0 { throw .notAvailable }
    guard subscriptions[channel] == nil else { throw .alreadySubscribed }
    guard subscriptions.count < settings.channelsPerConnection else { throw .limitExceeded }
    let request = try Recovery.Request(reading: command.request)
    let interval = try minimumInterval(in: command.request)
    let grant = try await grant(of: command, for: channel, identity)
    let opening: ChannelOpening?
    do throws(Problem) {
      opening = try await watch(channel, as: grant == nil ? identity : identity.seeingEverything)
    } catch {
      throw ReplyError(watching: error)
    }
    guard let opening else { return }
    if let grant, environment.authenticator.isVoid(grant) {
      // Revoked while the record was read: nobody tells that again.
      abandon(opening.subscription)
      throw .permissionDenied
    }
    let flags = command.request["flag"]?.int ?? 0
    if opening.recovery(of: request) == .lost, flags & 2 != 0 {
      abandon(opening.subscription)
      throw .unrecoverablePosition
    }
    opening.subscription.minimumInterval = interval
    if let grant { begin(grant, of: opening.subscription) }
    send(
      Reply.success(to: command) {
        opening.write(to: request, into: &$0)
        if let grant { environment.write(expiry: grant.expiresAt, into: &$0) }
      })
    opening.goLive()
  }

  /// The channel that a command names. One of a form that no channel has is as unknown as one of no job; what cannot
  /// be a name at all is a bad request (spec §6).
  func channel(of command: Command) throws(ReplyError) -> Channel {
    guard let channel = try channelIfAny(of: command) else { throw .unknownChannel }
    return channel
  }

  /// The same; nil for one of a form that no channel has.
  private func channelIfAny(of command: Command) throws(ReplyError) -> Channel? {
    guard let name = command.request["channel"]?.string, (1...255).contains(name.utf8.count) else {
      throw .badRequest
    }
    if let channel = Channel(name) { return channel }
    // Names are ASCII, but for that of a user's channel: a `sub` may be any text.
    guard name.utf8.allSatisfy({ $0 < 0x80 }) else { throw .badRequest }
    return nil
  }

  /// `data.interval`, in milliseconds: the least time between two publications of progress.
  private func minimumInterval(in subscribe: JSONValue) throws(ReplyError) -> Duration {
    guard let given = subscribe["data"]?["interval"] else { return .zero }
    guard let interval = given.int, Subscription.intervals.contains(interval) else { throw .badRequest }
    return .milliseconds(interval)
  }

  /// What a subscription token in the command grants, nil where there is none.
  ///
  /// Whoever holds it may watch the channel, whoever owns what it is about. One for another channel, user or
  /// connection ends the connection: it can only have got here by mistake or by theft.
  private func grant(
    of command: Command, for channel: Channel, _ identity: Identity
  ) async throws(ReplyError) -> SubscriptionGrant? {
    guard let token = command.request["token"]?.string, !token.isEmpty else { return nil }
    do throws(TokenError) {
      return try await environment.authenticator.admitSubscription(
        token, channel: channel.description, user: identity.user, client: id.description, now: environment.now)
    } catch {
      switch error {
      case .expired, .notYetValid: throw .tokenExpired
      case .unavailable: throw .internal
      case .wrongChannel, .wrongUser, .wrongClient:
        disconnect(.invalidToken)
        throw .permissionDenied
      default: throw .permissionDenied
      }
    }
  }

  /// From now on the subscription lives by the grant.
  private func begin(_ grant: SubscriptionGrant, of subscription: Subscription) {
    let life =
      grants[subscription.channel]
      ?? SubscriptionLife(in: environment) { [weak self, weak subscription] reason in
        guard let self, let subscription, subscriptions[subscription.channel] === subscription else { return }
        end(subscription, reason)
      }
    grants[subscription.channel] = life
    life.goOn(by: grant)
  }

  func refreshSubscription(_ command: Command) async throws(ReplyError) {
    guard let identity else { throw .unauthorized }
    // What cannot be a channel is not subscribed either (spec §6).
    guard let channel = try channelIfAny(of: command), subscriptions[channel] != nil else {
      throw .permissionDenied
    }
    guard let grant = try await grant(of: command, for: channel, identity) else { throw .badRequest }
    // It may have ended while the token was looked at.
    guard let subscription = subscriptions[channel] else { throw .permissionDenied }
    begin(grant, of: subscription)
    send(Reply.success(to: command) { environment.write(expiry: grant.expiresAt, into: &$0) })
  }

  func unsubscribe(_ command: Command) {
    if let channel = command.request["channel"]?.string.flatMap({ Channel($0) }),
      let subscription = subscriptions[channel]
    {
      abandon(subscription)
    }
    // Also when it was not subscribed: an error would make SDKs drop the connection.
    send(Reply.success(to: command))
  }
}

extension Subscription {
  /// What the floor on the interval may be, in milliseconds.
  nonisolated static let intervals = 0...60_000
}

extension ReplyError {
  /// Why something cannot be watched. What is somebody else's is as unknown as what never was.
  init(watching problem: Problem) {
    self =
      switch problem.code {
      case .jobNotFound, .groupNotFound: .unknownChannel
      case .permissionDenied: .permissionDenied
      default: .internal
      }
  }
}

extension Identity {
  /// The same user, let in by a subscription token: may see what the token names.
  var seeingEverything: Identity {
    Identity(
      user: user, permissions: [.read, .admin], expiresAt: expiresAt, issuedAt: issuedAt,
      tokenID: tokenID)
  }
}

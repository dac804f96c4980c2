import Foundation
import Jobs
import Logging

/// The commands of the protocol, each with its reply.
extension Session {
  func carryOut(_ command: Command) async {
    do throws(ReplyError) {
      switch command.method {
      case .connect: await connect(command)
      case .refresh: await refresh(command)
      case .subscribe: try await subscribe(command)
      case .unsubscribe: unsubscribe(command)
      case .rpc: try await call(command)
      case .publish, .presence, .presenceStats, .history, .subRefresh: throw .notAvailable
      case .send: preconditionFailure("send was judged out of order before")
      }
    } catch {
      send(Reply.failure(of: command, error))
    }
  }

  // MARK: connect, refresh

  private func connect(_ command: Command) async {
    let token = command.request["token"]?.string ?? ""
    let identity: Identity
    if token.isEmpty {
      guard let handshakeIdentity else { return disconnect(.badRequest) }
      identity = handshakeIdentity
    } else {
      do throws(TokenError) {
        identity = try await environment.authenticator.admit(token, now: environment.now)
      } catch {
        guard state.phase == .awaitingConnect else { return }
        switch error {
        case .expired, .notYetValid:
          // An error reply, not a close: only this makes SDKs ask for a new token (spec §19.8).
          state.refused()
          send(Reply.failure(of: command, .tokenExpired))
        case .unavailable:
          state.refused()
          send(Reply.failure(of: command, .internal))
        default:
          environment.logger.info(
            "a token was refused", metadata: ["session": "\(id)", "reason": "\(error)"])
          disconnect(.invalidToken)
        }
        return
      }
    }
    let budget = await environment.limiter.standing(of: identity.user)
    guard state.phase == .awaitingConnect else { return }
    // It may have been since it was shown: in the handshake, or while the budget was asked for.
    guard !environment.authenticator.isVoid(identity) else { return disconnect(.invalidToken) }
    hasConnected(as: identity)
    let resumptions = await resumptions(in: command)
    guard state.phase == .connected else { return }
    send(
      Reply.success(to: command) {
        $0.member("client", id)
        $0.member("version", "Fanfare \(settings.version)")
        writeExpiry(of: identity.expiresAt, into: &$0)
        $0.object("data") {
          $0.member("user", identity.user)
          $0.member("node", settings.node)
          write(budget, into: &$0)
        }
        if settings.pingInterval > .zero {
          $0.member("ping", Int(settings.pingInterval.milliseconds / 1000))
          $0.member("pong", true)
        }
        write(resumptions, into: &$0)
      })
    for resumption in resumptions { resumption.watch.goLive() }
  }

  private func refresh(_ command: Command) async {
    guard let token = command.request["token"]?.string else { return disconnect(.badRequest) }
    do throws(TokenError) {
      let renewed = try await environment.authenticator.admit(token, now: environment.now)
      guard state.phase == .connected else { return }
      guard renewed.user == identity?.user else { return disconnect(.invalidToken) }
      live(by: renewed)
      send(
        Reply.success(to: command) { writeExpiry(of: renewed.expiresAt, into: &$0) })
    } catch {
      switch error {
      case .expired: disconnect(.expired)
      case .unavailable: send(Reply.failure(of: command, .internal))
      default: disconnect(.invalidToken)
      }
    }
  }

  /// SDKs refresh exactly at `ttl`, so it is never told as 0, which would read as "never".
  private func writeExpiry(of moment: Date, into writer: inout JSONWriter) {
    let left = moment.timeIntervalSince(environment.now())
    writer.member("expires", true)
    writer.member("ttl", max(1, Int(min(left, 2_147_483_647))))
  }

  /// What is left of the user's budget; times in whole seconds.
  func write(_ budget: BudgetStanding, into writer: inout JSONWriter) {
    writer.object("limits") {
      $0.member("limit", settings.requestLimit)
      $0.member("window", Int(settings.requestWindow.milliseconds / 1000))
      $0.member("remaining", budget.remaining)
      $0.member("reset", budget.retryAfter > .zero ? secondsRoundedUp(budget.retryAfter) : 0)
    }
  }

  // MARK: subscribe, unsubscribe

  private func subscribe(_ command: Command) async throws(ReplyError) {
    guard let identity else { throw .unauthorized }
    guard let name = command.request["channel"]?.string, (1...255).contains(name.utf8.count) else {
      throw .badRequest
    }
    if let type = command.request["type"], type.int != 0 { throw .notAvailable }
    guard let channel = Channel(name) else { throw .unknownChannel }
    guard subscriptions[channel] == nil else { throw .alreadySubscribed }
    guard subscriptions.count < settings.channelsPerConnection else { throw .limitExceeded }
    let sharing = try mayBeShared(command, channel, identity)
    switch channel {
    case .job(let id): try await subscribe(to: .job(id), command, identity, isShared: sharing)
    case .group(let id): try await subscribe(to: .group(id), command, identity, isShared: sharing)
    case .user(let user):
      guard identity.permissions.allows(.read) else { throw .permissionDenied }
      guard user == identity.user || identity.permissions.allows(.admin) else {
        throw .permissionDenied
      }
      try await subscribe(toUser: user, command, identity)
    }
  }

  /// Whether a subscription token lets this user watch the channel, whoever owns what it is about.
  private func mayBeShared(
    _ command: Command, _ channel: Channel, _ identity: Identity
  ) throws(ReplyError) -> Bool {
    guard let token = command.request["token"]?.string, !token.isEmpty else { return false }
    do throws(TokenError) {
      _ = try environment.authenticator.authenticateSubscription(
        token, channel: channel.description, user: identity.user, client: id,
        now: environment.now())
      return true
    } catch {
      switch error {
      case .expired, .notYetValid: throw .tokenExpired
      case .wrongChannel, .wrongUser, .wrongClient:
        disconnect(.invalidToken)
        throw .permissionDenied
      default: throw .permissionDenied
      }
    }
  }

  private func subscribe(
    to subject: Subject, _ command: Command, _ identity: Identity, isShared: Bool
  ) async throws(ReplyError) {
    let watched: Watch?
    do throws(Problem) {
      watched = try await watch(subject, as: isShared ? identity.seeingEverything : identity)
    } catch {
      switch error.code {
      // What is somebody else's is as unknown as what never was.
      case .jobNotFound, .groupNotFound: throw .unknownChannel
      case .permissionDenied: throw .permissionDenied
      default: throw .internal
      }
    }
    guard let watched else { return }
    let request = recoveryRequest(of: command.request)
    let recovery = Recovery(of: request, at: watched.record.position)
    let flags = command.request["flag"]?.int ?? 0
    if recovery == .lost, flags & 2 != 0 {
      abandon(watched.subscription)
      throw .unrecoverablePosition
    }
    send(
      Reply.success(to: command) {
        writeSubscribed(to: watched.record, recovery: recovery, request: request, into: &$0)
      })
    watched.goLive()
  }

  /// The members of a subscribe result on a job or a group (spec §6); its `data` is always the whole record.
  func writeSubscribed(
    to record: WatchedRecord, recovery: Recovery, request: Recovery.Request?, into writer: inout JSONWriter
  ) {
    writer.member("recoverable", true)
    writer.member("positioned", true)
    writer.member("epoch", record.position.epoch)
    writer.member("data", record.document)
    let isTold = recovery == .catchUp || (recovery != .upToDate && record.hasEnded)
    if isTold {
      writer.array("publications") { list in
        list.object { Publication(record).writePublication(into: &$0) }
      }
    }
    if request != nil { writer.member("was_recovering", true) }
    switch recovery {
    // The client's own offset: the SDK moves forward through the publications (spec §19.4).
    case .upToDate, .catchUp:
      writer.member("recovered", true)
      if let offset = request?.offset, offset > 0 { writer.member("offset", offset) }
    case .fresh, .lost: writer.member("offset", record.position.offset)
    }
  }

  func recoveryRequest(of subscribe: JSONValue) -> Recovery.Request? {
    guard subscribe["recover"]?.bool == true else { return nil }
    let epoch = subscribe["epoch"]?.string
    return Recovery.Request(
      offset: UInt64(max(0, subscribe["offset"]?.int ?? 0)),
      epoch: epoch == "" ? nil : epoch)
  }

  private func subscribe(
    toUser user: String, _ command: Command, _ identity: Identity
  ) async throws(ReplyError) {
    let subscription: Subscription
    let page: JobPage
    var hasJoined = false
    do throws(Problem) {
      subscription = try await join(.user(user))
    } catch {
      throw .internal
    }
    defer { if !hasJoined { abandon(subscription) } }
    do throws(Problem) {
      page = try await environment.verbs.jobs(JobListing(JobFilter(user: user)), for: identity)
    } catch {
      throw .internal
    }
    guard isStillWanted(subscription) else { return }
    hasJoined = true
    send(
      Reply.success(to: command) {
        if command.request["recover"]?.bool == true { $0.member("was_recovering", true) }
        $0.object("data") {
          $0.array("jobs") { list in
            for job in page.jobs { list.element(JobDocument.text(of: job)) }
          }
        }
      })
    subscription.goLive(after: 0)
  }

  private func unsubscribe(_ command: Command) {
    if let channel = command.request["channel"]?.string.flatMap({ Channel($0) }),
      let subscription = subscriptions[channel]
    {
      abandon(subscription)
    }
    // Also when it was not subscribed: an error would make SDKs drop the connection.
    send(Reply.success(to: command))
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

import EventLoop
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
      case .subRefresh: try await refreshSubscription(command)
      case .history, .presence, .presenceStats: try await look(command)
      case .rpc: try await call(command)
      // Events come from jobs alone: a client asks for something to happen by `rpc`.
      case .publish: throw .notAvailable
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
    do throws(TokenError) {
      if token.isEmpty {
        guard let handshakeIdentity else { return disconnect(.badRequest) }
        // In the handshake nobody could wait for the list of revocations.
        try await environment.authenticator.prepare()
        identity = handshakeIdentity
      } else {
        identity = try await environment.authenticator.admit(token, now: environment.now)
      }
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
    // Who said it in the handshake was counted there.
    if handshakeIdentity == nil,
      environment.handshakes.connects(as: identity.user, at: ContinuousClock.now) != nil
    {
      return disconnect(.tooManyRequests)
    }
    let budget = await environment.limiter.standing(of: identity.user)
    guard state.phase == .awaitingConnect else { return }
    // It may have been since it was shown: in the handshake, or while the budget was asked for.
    guard !environment.authenticator.isVoid(identity) else { return disconnect(.invalidToken) }
    hasConnected(as: identity)
    let resumptions: [SessionEnvironment.Resumption]
    do throws(Disconnect) {
      resumptions = try await environment.resumptions(in: command.request, as: identity) {
        channel async throws(Disconnect) in try await watchUnasked(channel, as: identity)
      }
    } catch {
      return disconnect(error)
    }
    guard state.phase == .connected else { return }
    send(
      Reply.success(to: command) {
        environment.write(connected: id.description, as: identity, with: budget, into: &$0)
        if settings.pingInterval > .zero, pings == .commands {
          $0.member("ping", Int(settings.pingInterval.milliseconds / 1000))
          $0.member("pong", true)
        }
        $0.write(resumptions)
      })
    for resumption in resumptions { resumption.opening.goLive() }
  }

  private func refresh(_ command: Command) async {
    guard let token = command.request["token"]?.string else { return disconnect(.badRequest) }
    do throws(TokenError) {
      let renewed = try await environment.authenticator.admit(token, now: environment.now)
      guard state.phase == .connected else { return }
      guard renewed.user == identity?.user else { return disconnect(.invalidToken) }
      live(by: renewed)
      send(
        Reply.success(to: command) { environment.write(expiry: renewed.expiresAt, into: &$0) })
    } catch {
      switch error {
      case .expired: disconnect(.expired)
      case .unavailable: send(Reply.failure(of: command, .internal))
      default: disconnect(.invalidToken)
      }
    }
  }
}

/// The members of a connect result, the same on every transport.
extension SessionEnvironment {
  func write(
    connected id: String, as identity: Identity, with budget: BudgetStanding, into writer: inout JSONWriter
  ) {
    writer.member("client", id)
    writer.member("version", "Fanfare \(settings.version)")
    write(expiry: identity.expiresAt, into: &writer)
    writer.object("data") {
      $0.member("user", identity.user)
      $0.member("node", settings.node)
      write(budget, into: &$0)
    }
  }

  /// SDKs refresh exactly at `ttl`, so it is never told as 0, which would read as "never".
  func write(expiry moment: Date, into writer: inout JSONWriter) {
    let left = moment.timeIntervalSince(now())
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
}

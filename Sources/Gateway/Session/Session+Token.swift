import EventLoop
import FoundationEssentials

/// The life of a session's token: its warning, its end, and its revocation.
extension Session: TokenHolder {
  package var heldToken: (any RevocableToken)? { state.phase == .closed ? nil : identity }

  /// 3500: the client must not come back with the same token, and SDKs do not.
  package func tokenWasRevoked() { disconnect(.invalidToken) }

  /// Lives by this token from now on: warns before it expires, and closes with 3005 when it has and the grace has
  /// passed without another. One deadline for both.
  func live(by identity: Identity) {
    if let before = self.identity { environment.authenticator.release(self, of: before) }
    self.identity = identity
    environment.authenticator.hold(self, of: identity)
    expiry?.cancel()
    let life = TokenLife(
      of: identity, shownAt: environment.now(), warning: settings.expiryWarning,
      grace: settings.refreshGrace)
    guard let delay = life.untilWarning(at: environment.now()) else { return end(after: life) }
    expiry = environment.wheel.schedule(after: delay) { [unowned self] in
      guard state.phase == .connected else { return }
      send(Reply.expiring(in: identity.expiresAt.timeIntervalSince(environment.now())))
      end(after: life)
    }
  }

  private func end(after life: TokenLife) {
    expiry = environment.wheel.schedule(after: life.untilEnd(at: environment.now())) { [unowned self] in
      disconnect(.expired)
    }
  }
}

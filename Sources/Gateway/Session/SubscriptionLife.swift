import EventLoop
import FoundationEssentials
import Jobs

/// A subscription that a token gave: until when it holds, the timer of its end, and its end by a revocation.
@EventLoop
final class SubscriptionLife {
  private let environment: SessionEnvironment
  private let end: @EventLoop (Unsubscription) -> Void
  private var grant: SubscriptionGrant?
  private var deadline: TimerWheel.Deadline?

  /// Calls `end` once the subscription is over; it holds from ``goOn(by:)`` on, until ``cancel()``.
  init(in environment: SessionEnvironment, end: @escaping @EventLoop (Unsubscription) -> Void) {
    self.environment = environment
    self.end = end
  }

  /// Lives by this grant from now on, in place of the one before: until it and the grace have passed without a fresh
  /// one, or it is revoked.
  func goOn(by fresh: SubscriptionGrant) {
    cancel()
    grant = fresh
    environment.authenticator.hold(self, of: fresh)
    let left = Duration.seconds(fresh.expiresAt.timeIntervalSince(environment.now()))
    deadline = environment.wheel.schedule(after: left + environment.settings.refreshGrace) { [weak self] in
      self?.end(.expired)
    }
  }

  /// It ends in another way, or has.
  func cancel() {
    deadline?.cancel()
    deadline = nil
    if let grant { environment.authenticator.release(self, of: grant) }
    grant = nil
  }
}

extension SubscriptionLife: TokenHolder {
  package var heldToken: (any RevocableToken)? { grant }

  /// The connection goes on, by its own token.
  package func tokenWasRevoked() { end(.revoked) }
}

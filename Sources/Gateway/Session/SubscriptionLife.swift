import EventLoop
import FoundationEssentials
import Jobs

/// A subscription that a token gave: until when it holds, and the timer of its end.
@EventLoop
final class SubscriptionLife {
  private(set) var grant: SubscriptionGrant
  private var end: TimerWheel.Deadline?

  init(_ grant: SubscriptionGrant) { self.grant = grant }

  /// Calls `end` when the grant and the grace have passed without a fresh token. `fresh` takes the place of the
  /// one before.
  func start(_ fresh: SubscriptionGrant, in environment: SessionEnvironment, end: @escaping @EventLoop () -> Void) {
    grant = fresh
    self.end?.cancel()
    let left = Duration.seconds(fresh.expiresAt.timeIntervalSince(environment.now()))
    self.end = environment.wheel.schedule(after: left + environment.settings.refreshGrace, fire: end)
  }

  func cancel() { end?.cancel() }
}

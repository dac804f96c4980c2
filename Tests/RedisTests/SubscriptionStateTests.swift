import Testing

@testable import Redis

@Suite("The state of a subscription") struct SubscriptionStateTests {
  enum Step {
    case join, leave, confirm, lose, restore
  }

  /// What a step asks for, or, for a confirmation, whether it made the channel live.
  enum Outcome: Equatable {
    case action(SubscriptionState.Action)
    case becameLive(Bool)
  }

  static let none = Outcome.action(.none)

  @Test(
    "asks Redis for what its listeners need",
    arguments: [
      // The first to join subscribes, the last to leave unsubscribes.
      [
        (Step.join, Outcome.action(.subscribe)), (.confirm, .becameLive(true)), (.join, none),
        (.leave, none), (.leave, .action(.unsubscribe)),
      ],
      // Who comes while a request is under way waits for the same confirmation.
      [(.join, .action(.subscribe)), (.join, none), (.confirm, .becameLive(true))],
      // A confirmation from before an unsubscription says nothing about the request after it.
      [
        (.join, .action(.subscribe)), (.leave, .action(.unsubscribe)), (.join, .action(.subscribe)),
        (.confirm, .becameLive(false)), (.confirm, .becameLive(true)),
      ],
      // A late confirmation of what nobody wants any more.
      [
        (.join, .action(.subscribe)), (.leave, .action(.unsubscribe)),
        (.confirm, .becameLive(false)),
      ],
      // After a loss the channel is asked for again, and stands only when confirmed again.
      [
        (.join, .action(.subscribe)), (.confirm, .becameLive(true)), (.lose, none),
        (.restore, .action(.subscribe)), (.confirm, .becameLive(true)),
      ],
      // While there is no connection joining and leaving ask for nothing.
      [
        (.lose, none), (.join, none), (.leave, none), (.join, none),
        (.restore, .action(.subscribe)), (.confirm, .becameLive(true)),
      ],
      // A channel without listeners is not restored.
      [(.join, .action(.subscribe)), (.lose, none), (.leave, none), (.restore, none)],
      // A confirmation nobody asked for.
      [(.confirm, .becameLive(false))],
    ] as [[(Step, Outcome)]])
  func table(_ story: [(Step, Outcome)]) {
    var state = SubscriptionState()
    var isConnected = true
    for (number, (step, expected)) in story.enumerated() {
      let outcome: Outcome
      switch step {
      case .join: outcome = .action(state.listenerAdded(isConnected: isConnected))
      case .leave: outcome = .action(state.listenerRemoved(isConnected: isConnected))
      case .confirm: outcome = .becameLive(state.confirmed())
      case .lose:
        state.connectionLost()
        isConnected = false
        outcome = Self.none
      case .restore:
        isConnected = true
        outcome = .action(state.connectionRestored())
      }
      #expect(outcome == expected, "step \(number + 1), \(step)")
    }
  }

  @Test("is idle only when nothing is expected any more")
  func idle() {
    var state = SubscriptionState()
    #expect(state.isIdle)
    _ = state.listenerAdded(isConnected: true)
    _ = state.listenerRemoved(isConnected: true)
    #expect(!state.isIdle)
    _ = state.confirmed()
    #expect(state.isIdle)
  }
}

@Suite("A backoff") struct BackoffTests {
  @Test("doubles up to its cap and begins anew after a success")
  func growth() {
    var backoff = Backoff(base: .milliseconds(50), cap: .milliseconds(300))
    #expect(
      (1...4).map { _ in backoff.next(random: 1) }
        == [.milliseconds(50), .milliseconds(100), .milliseconds(200), .milliseconds(300)])
    backoff.reset()
    #expect(backoff.next(random: 1) == .milliseconds(50))
  }

  @Test("draws half of each wait at random") func jitter() {
    var backoff = Backoff(base: .milliseconds(100), cap: .seconds(1))
    #expect(backoff.next(random: 0) == .milliseconds(50))
  }

  @Test("never overflows") func patience() {
    var backoff = Backoff()
    for _ in 1...1000 { #expect(backoff.next() <= .seconds(2)) }
  }
}

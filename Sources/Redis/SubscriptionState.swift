/// What one channel needs from the subscriber connection, decided as a value.
///
/// Channels are counted: the first listener subscribes, the last to leave unsubscribes. A listener
/// stands only once every SUBSCRIBE under way is confirmed, since an UNSUBSCRIBE may lie between.
struct SubscriptionState: Equatable {
  enum Action: Equatable { case none, subscribe, unsubscribe }

  private(set) var listeners = 0
  /// SUBSCRIBEs sent on this connection and not confirmed yet.
  private(set) var unconfirmed = 0
  private(set) var isConfirmed = false

  /// Whether what is published now reaches the listeners.
  var isLive: Bool { isConfirmed && listeners > 0 }

  /// Whether nothing is known or expected of the channel any more.
  var isIdle: Bool { listeners == 0 && unconfirmed == 0 }

  mutating func listenerAdded(isConnected: Bool) -> Action {
    listeners += 1
    guard isConnected, listeners == 1 else { return .none }
    unconfirmed += 1
    return .subscribe
  }

  mutating func listenerRemoved(isConnected: Bool) -> Action {
    precondition(listeners > 0, "a listener that was never there cannot leave")
    listeners -= 1
    guard listeners == 0 else { return .none }
    isConfirmed = false
    return isConnected ? .unsubscribe : .none
  }

  /// A SUBSCRIBE was confirmed. True when the channel became live by it.
  mutating func confirmed() -> Bool {
    guard unconfirmed > 0 else { return false }
    unconfirmed -= 1
    guard unconfirmed == 0, listeners > 0, !isConfirmed else { return false }
    isConfirmed = true
    return true
  }

  mutating func connectionLost() {
    unconfirmed = 0
    isConfirmed = false
  }

  mutating func connectionRestored() -> Action {
    precondition(unconfirmed == 0 && !isConfirmed, "a new connection has no subscriptions")
    guard listeners > 0 else { return .none }
    unconfirmed = 1
    return .subscribe
  }
}

package import EventLoop

/// The gateways that share a broker: which there are, and what they tell each other.
@EventLoop
package protocol NodeDirectory: AnyObject, Sendable {
  /// Notes what a node says of itself; it is listed for `lifetime` from now, unless it says so again.
  func beat(_ report: NodeReport, for lifetime: Duration) async throws(BrokerError)

  /// The node ends in order and is listed no more.
  func dismiss(_ node: NodeID) async throws(BrokerError)

  /// Every node that was heard of within its lifetime, by id.
  func nodes() async throws(BrokerError) -> [NodeReport]

  /// Tells a node, or (nil) every node that listens, this one included. A hint, as every publication is: who does
  /// not listen at that moment never hears it, and that is not told.
  func tell(_ node: NodeID?, _ message: ControlMessage) async throws(BrokerError)

  /// Delivers what is told to every node, and to this one, from now on: the control channel.
  ///
  /// Returns when the subscription stands; while Redis is away that is after its return. What is told during an
  /// interruption is lost (``EventSource/whenDeliveryChanges(_:)``): what must not be is on a list that can be read.
  func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) async throws(BrokerError) -> any EventSubscription
}

/// The name of a gateway process: different from that of every other that shares its broker.
package struct NodeID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String

  /// A node of this name, whatever it is.
  package init(_ text: String) { description = text }

  package static func < (a: NodeID, b: NodeID) -> Bool { a.description < b.description }
}

/// What a node says of itself with each beat.
package struct NodeReport: Hashable, Sendable {
  package var id: NodeID
  package var host: String
  package var process: Int
  package var version: String
  package var startedAt: Timestamp
  package var connections: Int
  package var subscriptions: Int
  package var isDraining: Bool
  /// Whether what happens to jobs reaches it (``EventSource/isDelivering``).
  package var isDelivering: Bool
  /// How long its last canary took; nil where there is none.
  package var deliveryDelay: Duration?

  package init(
    id: NodeID, host: String, process: Int, version: String, startedAt: Timestamp,
    connections: Int = 0, subscriptions: Int = 0, isDraining: Bool = false, isDelivering: Bool = true,
    deliveryDelay: Duration? = nil
  ) {
    self.id = id
    self.host = host
    self.process = process
    self.version = version
    self.startedAt = startedAt
    self.connections = connections
    self.subscriptions = subscriptions
    self.isDraining = isDraining
    self.isDelivering = isDelivering
    self.deliveryDelay = deliveryDelay
  }
}

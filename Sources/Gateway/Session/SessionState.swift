/// Where a WebSocket session stands in the protocol: which commands are in order, what a pong
/// means. A value; ``Session`` acts on its answers.
package struct SessionState {
  package enum Phase: Hashable, Sendable {
    /// Nothing but `connect` is in order.
    case awaitingConnect
    case connected
    /// `connect` was answered with an error: the socket is open and dead.
    case refused
    case closed
  }

  package private(set) var phase = Phase.awaitingConnect
  /// What asks for a pong, and what answers.
  package enum Ping: Hashable, Sendable { case command, frame }
  private var ping: Ping?

  /// A ping is out: one pong is licensed.
  package var awaitsPong: Bool { ping != nil }

  package init() {}

  /// Whether a command may be carried out; if not, how the connection ends.
  package func judge(_ method: Command.Method) -> Disconnect? {
    switch (phase, method) {
    case (.awaitingConnect, .connect): nil
    case (.awaitingConnect, _), (.connected, .connect), (.refused, _), (.closed, _): .badRequest
    case (.connected, .send): .notAvailable
    case (.connected, _): nil
    }
  }

  /// `connect` was accepted.
  package mutating func connected() { phase = .connected }
  /// `connect` was answered with an error.
  package mutating func refused() { phase = .refused }
  /// The connection ends, or has.
  package mutating func closed() { phase = .closed }

  /// A ping went out.
  package mutating func pinged(by ping: Ping = .command) { self.ping = ping }

  /// An unasked pong is a fault (spec §4).
  package mutating func pongArrived() -> Disconnect? {
    guard ping == .command else { return .badRequest }
    ping = nil
    return nil
  }

  /// A pong frame may come unasked (RFC 6455 §5.5.3); it answers nothing but a ping frame.
  package mutating func pongFrameArrived() { if ping == .frame { ping = nil } }
}

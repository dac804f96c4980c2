import DequeModule
import EventLoop

/// Handshakes in the order of their arrival: those above the process's rate wait, those above their
/// address's are refused.
///
/// Who waits costs a head and its connection, of which ``Limits/connections`` there are at most.
@EventLoop
final class HandshakeQueue {
  private var admission: HandshakeAdmission
  private let countsLoopback: Bool
  private var waiting: Deque<(exchange: HTTPExchange, begin: @EventLoop () -> Void)> = []
  private var timer: LoopTimer?
  private let clock = ContinuousClock()

  init(_ limits: Limits) {
    admission = HandshakeAdmission(
      perSecond: limits.handshakesPerSecond, perAddress: limits.handshakesPerAddress)
    countsLoopback = limits.countsLoopback
  }

  /// How many wait.
  var count: Int { waiting.count }

  /// Calls `begin` when it is the handshake's turn, at once where nobody waits, and never where its client
  /// has gone by then. Throws 429 where the address asks too often; then nothing was spent.
  func enter(
    _ exchange: HTTPExchange, from peer: SocketAddress, _ begin: @escaping @EventLoop () -> Void
  ) throws(Problem) {
    let now = clock.now
    if countsLoopback || !peer.isLoopback, let wait = admission.arrives(from: peer.host, at: now) {
      throw Problem(
        .quotaExceeded, status: 429, detail: "This address opens sockets too often.",
        retryAfter: HandshakeAdmission.spread(wait))
    }
    waiting.append((exchange, begin))
    if timer == nil { advance() }
  }

  /// Lets begin whoever may now, and comes back for the others.
  private func advance() {
    timer = nil
    while let next = waiting.first {
      guard !next.exchange.isClosed else {
        waiting.removeFirst()
        continue
      }
      if let wait = admission.begins(at: clock.now) {
        timer = LoopTimer(after: wait) { [weak self] in self?.advance() }
        return
      }
      waiting.removeFirst()
      next.begin()
    }
  }

  /// Nobody's turn comes any more.
  func removeAll() {
    timer?.stop()
    timer = nil
    waiting.removeAll()
  }
}

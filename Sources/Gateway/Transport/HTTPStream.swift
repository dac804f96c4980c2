import EventLoop

/// The body of an answer without a known end, written as it comes about.
@EventLoop
final class HTTPStream: ResponseStream {
  private weak var exchange: HTTPExchange?
  private weak var connection: HTTPConnection?
  private var isFinished = false
  var whenDrained: (@EventLoop () -> Void)?
  var whenClosed: (@EventLoop () -> Void)?

  init(_ exchange: HTTPExchange, _ connection: HTTPConnection) {
    self.exchange = exchange
    self.connection = connection
  }

  var isBehind: Bool { connection?.hasOutput ?? false }

  func write(_ bytes: [UInt8]) {
    guard !isFinished else { return }
    connection?.write(bytes)
  }

  func finish() {
    guard !isFinished else { return }
    isFinished = true
    exchange?.finish()
  }

  func drained() { whenDrained?() }

  /// The exchange is over: nothing is written any more, and what the closures held is let go.
  func closed() {
    isFinished = true
    connection = nil
    exchange = nil
    whenDrained = nil
    let whenClosed = whenClosed
    self.whenClosed = nil
    whenClosed?()
  }
}

import EventLoop

/// Sends every message back as it came, text as text and binary as binary: what public conformance suites
/// of WebSocket talk to, through the same transport and limits as everybody.
@EventLoop
final class EchoSession: ClientConnectionDelegate {
  private var connection: (any ClientConnection)?
  private let whenClosed: @EventLoop (EchoSession) -> Void

  let wantsCompression: Bool

  /// `whenClosed` is called once, after the connection has gone.
  init(wantsCompression: Bool, whenClosed: @escaping @EventLoop (EchoSession) -> Void = { _ in }) {
    self.wantsCompression = wantsCompression
    self.whenClosed = whenClosed
  }

  /// Ends the connection behind what was sent back.
  func disconnect(_ disconnect: Disconnect) {
    connection?.close(code: disconnect.code, reason: disconnect.reason)
  }

  func connectionOpened(_ connection: any ClientConnection) { self.connection = connection }

  func received(_ message: [UInt8]) { received(message, isBinary: false) }

  func received(_ message: [UInt8], isBinary: Bool) {
    guard let connection else { return }
    connection.send(isBinary ? PreparedFrame(binary: message) : PreparedFrame(text: message))
    // Who reads slowly is read slowly.
    if connection.isBehind { connection.pauseReading() }
  }

  func connectionDrained() { connection?.resumeReading() }

  func connectionClosed() {
    connection = nil
    whenClosed(self)
  }
}

import EventLoop

/// Sends every message back as it came, text as text and binary as binary: what public conformance suites
/// of WebSocket talk to, through the same transport and limits as everybody.
@EventLoop
final class EchoSession: ClientConnectionDelegate {
  private var connection: (any ClientConnection)?

  let wantsCompression: Bool

  init(wantsCompression: Bool) { self.wantsCompression = wantsCompression }

  func connectionOpened(_ connection: any ClientConnection) { self.connection = connection }

  func received(_ message: [UInt8]) { received(message, isBinary: false) }

  func received(_ message: [UInt8], isBinary: Bool) {
    guard let connection else { return }
    connection.send(isBinary ? PreparedFrame(binary: message) : PreparedFrame(text: message))
    // Who reads slowly is read slowly.
    if connection.isBehind { connection.pauseReading() }
  }

  func connectionDrained() { connection?.resumeReading() }

  func connectionClosed() { connection = nil }
}

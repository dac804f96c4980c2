package import EventLoop

/// A WebSocket connection as a session sees it: frames out, messages in, one close.
@EventLoop
package protocol ClientConnection: AnyObject {
  /// The socket has not yet taken what it was given: hold back until `connectionDrained`.
  var isBehind: Bool { get }

  /// Writes the frames in one system call where nothing is pending; what the socket does not take
  /// is kept by the transport, and ``isBehind`` says so. Hand over at most one bounded batch while
  /// it is false, nothing while it is true. After a close: nothing happens.
  func send(_ frames: [PreparedFrame])
  /// The same, of one frame.
  func send(_ frame: PreparedFrame)

  /// Sends a ping frame (RFC 6455 §5.5.2) behind what was sent; its answer is told to the delegate.
  func ping()

  /// Sends the close frame after what is pending and lets the connection go. The delegate hears
  /// `connectionClosed` once, later.
  func close(code: UInt16, reason: String)

  /// Stops and resumes reading from the socket: back-pressure for those who send faster than we work.
  func pauseReading()
  func resumeReading()
}

extension ClientConnection {
  package func send(_ frame: PreparedFrame) { send([frame]) }
}

/// What a session hears of its connection; always on the loop.
@EventLoop
package protocol ClientConnectionDelegate: AnyObject {
  /// The upgrade is done; the first frame may be sent.
  func connectionOpened(_ connection: any ClientConnection)
  /// A whole message, text or binary; text is valid UTF-8.
  func received(_ message: [UInt8])
  /// A pong frame, asked for or not.
  func pongFrameArrived()
  /// The same, for those to whom it makes a difference.
  func received(_ message: [UInt8], isBinary: Bool)
  /// Whether messages may be compressed where the client can (RFC 7692); asked before the upgrade.
  var wantsCompression: Bool { get }
  /// The socket took everything: ``ClientConnection/isBehind`` is false again.
  func connectionDrained()
  /// The connection is gone, whoever ended it; the last call.
  func connectionClosed()
}

extension ClientConnectionDelegate {
  /// Of no account to whoever sends no ping frames.
  package func pongFrameArrived() {}
  package func received(_ message: [UInt8], isBinary: Bool) { received(message) }
  package var wantsCompression: Bool { false }
}

/// What stands above the transport: it judges handshakes and answers requests.
@EventLoop
package protocol TransportDelegate: AnyObject {
  /// Called before the upgrade, with the head already found well-formed (method, version, key).
  func judge(_ handshake: Request) -> HandshakeVerdict
  /// Called for every other request. The exchange must be answered, sooner or later.
  func handle(_ exchange: any Exchange)
}

/// Whether a WebSocket handshake is let in.
package enum HandshakeVerdict {
  /// `subprotocol` is echoed where the client offered it.
  case accept(subprotocol: String?, any ClientConnectionDelegate)
  /// Answered in place of the upgrade; the connection closes.
  case refuse(Response)
}

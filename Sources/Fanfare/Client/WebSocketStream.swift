import COpenSSL
import Foundation

/// A WebSocket as a client has it (RFC 6455), used by one thread: messages out, messages in.
///
/// Answers pings of the transport by itself. No compression is offered.
final class WebSocketStream {
  private let socket: SocketStream
  private var reader = WebSocketFrameReader()
  private var fragments: [UInt8]?

  /// Opens the socket at a gateway.
  ///
  /// Throws `unreachable`, `encryptionUnsupported`, or `problem` with what the gateway answered in
  /// place of the upgrade.
  init(_ server: ServerAddress, timeout: Duration = .seconds(10)) throws(ClientError) {
    guard !server.isSecure else { throw .encryptionUnsupported }
    socket = try SocketStream(host: server.host, port: server.port, timeout: timeout)
    let key = Data((0..<16).map { _ in UInt8.random(in: 0 ... .max) }).base64EncodedString()
    let request = [
      "GET \(server.prefix)\(ServerAddress.socketPath) HTTP/1.1", "Host: \(server.authority)",
      "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: \(key)", "", "",
    ].joined(separator: "\r\n")
    try socket.write(request.utf8)
    let connection = HTTPConnection(socket)
    let response = try connection.readHead(until: .now + timeout)
    guard response.status == 101 else {
      throw HTTPConnection.refusal(
        of: response, body: try connection.readBody(of: response, until: .now + timeout))
    }
    guard response.headers["sec-websocket-accept"] == Self.acceptance(of: key) else {
      throw .notUnderstood("a wrong answer to the WebSocket handshake")
    }
    reader.append(connection.leftover)
  }

  /// What a server answers to a key (§4.2.2): it shows that it read the handshake.
  static func acceptance(of key: String) -> String {
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var digest = [UInt8](repeating: 0, count: 20)
    var length = digest.count
    let made = EVP_Q_digest(nil, "SHA1", nil, text, text.count, &digest, &length)
    precondition(made == 1 && length == 20, "OpenSSL has no SHA-1")
    return Data(digest).base64EncodedString()
  }

  func send(_ text: some Collection<UInt8>) throws(ClientError) {
    try socket.write(WebSocketFrame(opcode: .text, payload: Array(text)).encoded)
  }

  /// Tells the gateway that we are going; it is not waited for.
  func close() throws(ClientError) {
    try socket.write(WebSocketFrame.close(code: 1000).encoded)
  }

  /// The next whole message; nil at the deadline. Throws `closed` after the gateway's close frame.
  func receive(until deadline: ContinuousClock.Instant) throws(ClientError) -> [UInt8]? {
    while true {
      while let frame = try reader.next() {
        if let message = try take(frame) { return message }
      }
      guard let bytes = try socket.read(until: deadline) else { return nil }
      guard !bytes.isEmpty else { throw .unreachable("the gateway hung up") }
      reader.append(bytes)
    }
  }

  /// The message that the frame completes, if it does.
  private func take(_ frame: WebSocketFrame) throws(ClientError) -> [UInt8]? {
    switch frame.opcode {
    case .ping:
      try socket.write(WebSocketFrame(opcode: .pong, payload: frame.payload).encoded)
      return nil
    case .pong: return nil
    case .close:
      let (code, reason) = frame.closeReason
      throw .closed(code: code, reason: reason)
    case .text, .binary:
      guard fragments == nil else { throw .notUnderstood("a message within a message") }
      if frame.isFinal { return frame.payload }
      fragments = frame.payload
      return nil
    case .continuation:
      guard let begun = fragments else { throw .notUnderstood("the end of no message") }
      let whole = begun + frame.payload
      guard whole.count <= WebSocketFrameReader.largestPayload else {
        throw .notUnderstood("a message that is too large")
      }
      fragments = frame.isFinal ? nil : whole
      return frame.isFinal ? whole : nil
    }
  }
}

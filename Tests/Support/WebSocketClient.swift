package import EventLoop
import Foundation

/// A small, strict WebSocket client (RFC 6455): it checks what a server must do, and does on demand
/// what a client must not.
@EventLoop
package final class WebSocketClient {
  /// What came from the server.
  package enum Message: Equatable, Sendable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    /// 1005 stands for a close frame without a code.
    case close(code: UInt16, reason: String)
  }

  package enum Failure: Error, Sendable {
    /// The upgrade was answered otherwise.
    case refused(HTTPAnswer)
    case wrongAccept(HTTPAnswer)
    /// The server broke the protocol.
    case violation(String)
  }

  package struct Opcode: RawRepresentable, Equatable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let continuation = Opcode(rawValue: 0)
    package static let text = Opcode(rawValue: 1)
    package static let binary = Opcode(rawValue: 2)
    package static let close = Opcode(rawValue: 8)
    package static let ping = Opcode(rawValue: 9)
    package static let pong = Opcode(rawValue: 10)
  }

  /// The connection under the frames, for what no frame can say.
  package let socket: RawSocket
  /// The server's 101.
  package let handshake: HTTPAnswer
  package var subprotocol: String? { handshake.headers["sec-websocket-protocol"] }
  /// What was agreed on of what was offered.
  package var extensions: String? { handshake.headers["sec-websocket-extensions"] }
  /// Reads messages that came compressed; without it they are a violation.
  package var inflate: (@EventLoop ([UInt8]) throws -> [UInt8])?
  /// Messages that came compressed.
  package private(set) var compressedCount = 0
  /// Whether ``nextMessage()`` answers pings by itself, as clients do.
  package var answersPings = true

  private init(_ socket: RawSocket, _ handshake: HTTPAnswer) {
    self.socket = socket
    self.handshake = handshake
  }

  /// Connects and upgrades; throws `refused` with the answer where the server does not.
  package static func connect(
    to port: Int, path: String = "/connection/websocket", host: String = "127.0.0.1",
    headers: [(name: String, value: String)] = [], subprotocols: [String] = [],
    extensions: String? = nil, from source: String? = nil, receiveBuffer: Int? = nil,
    patience: Duration = .seconds(30)
  ) async throws -> WebSocketClient {
    let socket = try await RawSocket.connect(
      to: port, host: host, from: source, receiveBuffer: receiveBuffer, patience: patience)
    let key = Data((0..<16).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
    var head = """
      GET \(path) HTTP/1.1\r
      Host: \(host.contains(":") ? "[\(host)]" : host):\(port)\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: \(key)\r
      Sec-WebSocket-Version: 13\r\n
      """
    if !subprotocols.isEmpty {
      head += "Sec-WebSocket-Protocol: \(subprotocols.joined(separator: ", "))\r\n"
    }
    if let extensions { head += "Sec-WebSocket-Extensions: \(extensions)\r\n" }
    for header in headers { head += "\(header.name): \(header.value)\r\n" }
    try await socket.send(head + "\r\n")
    let head101 = try await socket.receive(until: "\r\n\r\n")
    var answer = try HTTPAnswer(head: head101)
    guard answer.status == 101 else {
      if let length = answer.headers["content-length"].flatMap(Int.init) {
        answer.body = try await socket.receive(exactly: length)
      }
      throw Failure.refused(answer)
    }
    let accept = Data(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    guard answer.headers["sec-websocket-accept"] == accept.base64EncodedString(),
      answer.headers["upgrade"]?.lowercased() == "websocket",
      answer.headers["connection"]?.lowercased() == "upgrade",
      extensions != nil || answer.headers["sec-websocket-extensions"] == nil,
      answer.headers["sec-websocket-protocol"].map(subprotocols.contains) ?? true
    else { throw Failure.wrongAccept(answer) }
    return WebSocketClient(socket, answer)
  }

  // MARK: Sending

  /// The bytes of one frame. `masked`, `reserved` and opcodes as a client must not choose them are
  /// possible, to see what the server makes of them.
  nonisolated package static func frame(
    _ opcode: Opcode, _ payload: [UInt8], final: Bool = true, masked: Bool = true,
    reserved: UInt8 = 0
  ) -> [UInt8] {
    var bytes = [(final ? 0x80 : 0) | reserved << 4 | opcode.rawValue]
    let mark: UInt8 = masked ? 0x80 : 0
    switch payload.count {
    case ..<126: bytes.append(mark | UInt8(payload.count))
    case ...0xFFFF:
      bytes += [mark | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
    default:
      bytes.append(mark | 127)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift))
      }
    }
    guard masked else { return bytes + payload }
    let mask = (0..<4).map { _ in UInt8.random(in: 0...255) }
    bytes += mask
    bytes.reserveCapacity(bytes.count + payload.count)
    for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index & 3]) }
    return bytes
  }

  package func send(_ opcode: Opcode, _ payload: [UInt8], final: Bool = true) async throws {
    try await socket.send(Self.frame(opcode, payload, final: final))
  }

  package func send(_ text: String) async throws { try await send(.text, Array(text.utf8)) }
  package func ping(_ payload: [UInt8] = []) async throws { try await send(.ping, payload) }
  package func pong(_ payload: [UInt8] = []) async throws { try await send(.pong, payload) }

  /// Sends a close frame; the server's is still to be received.
  package func sendClose(code: UInt16? = 1000, reason: String = "") async throws {
    var payload: [UInt8] = []
    if let code { payload = [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8) }
    try await send(.close, payload)
  }

  /// Says goodbye properly: sends a close frame, and receives until the server's and the end.
  @discardableResult
  package func close(code: UInt16 = 1000, reason: String = "") async throws -> Message {
    try await sendClose(code: code, reason: reason)
    while true {
      let message = try await receive()
      guard case .close = message else { continue }
      guard try await socket.receiveToEnd().isEmpty else {
        throw Failure.violation("bytes after the close frame")
      }
      socket.close()
      return message
    }
  }

  // MARK: Receiving

  private func receiveFrame() async throws -> (
    opcode: UInt8, final: Bool, payload: [UInt8], isPacked: Bool
  ) {
    let head = try await socket.receive(exactly: 2)
    let isPacked = head[0] & 0x70 == 0x40 && extensions != nil && (1...2).contains(head[0] & 0x0F)
    guard head[0] & 0x70 == 0 || isPacked else { throw Failure.violation("reserved bits are set") }
    guard head[1] & 0x80 == 0 else { throw Failure.violation("the server masked a frame") }
    var length = Int(head[1])
    if length >= 126 {
      let wide = length == 127
      guard head[0] & 0x08 == 0 else { throw Failure.violation("a long control frame") }
      length = try await socket.receive(exactly: wide ? 8 : 2).reduce(0) { $0 << 8 | Int($1) }
      guard length > (wide ? 0xFFFF : 125) else {
        throw Failure.violation("a length not written in its shortest form")
      }
    }
    let payload = try await socket.receive(exactly: length)
    return (head[0] & 0x0F, head[0] & 0x80 != 0, payload, isPacked)
  }

  /// The next message or control frame, fragments joined.
  package func receive() async throws -> Message {
    var parts: (isText: Bool, payload: [UInt8], isPacked: Bool)?
    while true {
      let frame = try await receiveFrame()
      switch (frame.opcode, parts) {
      case (0, let open?): parts = (open.isText, open.payload + frame.payload, open.isPacked)
      case (1, nil), (2, nil): parts = (frame.opcode == 1, frame.payload, frame.isPacked)
      case (8, _), (9, _), (10, _):
        guard frame.final else { throw Failure.violation("a fragmented control frame") }
        return try control(frame.opcode, frame.payload)
      default: throw Failure.violation("frame \(frame.opcode) out of order")
      }
      guard frame.final, var whole = parts else { continue }
      if whole.isPacked {
        guard let inflate else { throw Failure.violation("a compressed message") }
        whole.payload = try inflate(whole.payload)
        compressedCount += 1
      }
      guard whole.isText else { return .binary(whole.payload) }
      guard let text = String(validating: whole.payload, as: UTF8.self) else {
        throw Failure.violation("text that is not UTF-8")
      }
      return .text(text)
    }
  }

  private func control(_ opcode: UInt8, _ payload: [UInt8]) throws -> Message {
    switch opcode {
    case 9: return .ping(payload)
    case 10: return .pong(payload)
    default:
      guard payload.count != 1 else { throw Failure.violation("a close frame of one byte") }
      guard payload.count >= 2 else { return .close(code: 1005, reason: "") }
      guard let reason = String(validating: payload[2...], as: UTF8.self) else {
        throw Failure.violation("a reason that is not UTF-8")
      }
      return .close(code: UInt16(payload[0]) << 8 | UInt16(payload[1]), reason: reason)
    }
  }

  /// The next message that is not a ping or pong; pings are answered meanwhile.
  package func nextMessage() async throws -> Message {
    while true {
      switch try await receive() {
      case .ping(let payload): if answersPings { try await pong(payload) }
      case .pong: break
      case let message: return message
      }
    }
  }

  /// The next text message; throws where something else comes.
  package func nextText() async throws -> String {
    let message = try await nextMessage()
    guard case .text(let text) = message else {
      throw Failure.violation("text was awaited, but \(message) came")
    }
    return text
  }
}

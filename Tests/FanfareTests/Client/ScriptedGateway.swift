import Foundation
import Synchronization

@testable import Fanfare

/// A gateway that answers as a script says: one closure a connection, on a thread of its own, over
/// plain blocking sockets. Ends when it is let go.
final class ScriptedGateway: Sendable {
  let address: ServerAddress
  private let listener: CInt

  /// Answers the connections in order with the scripts; those beyond are closed at once.
  init(_ scripts: [@Sendable (Peer) throws -> Void]) {
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        precondition(bind(listener, name, length) == 0, "no free loopback port")
        precondition(listen(listener, 8) == 0, "cannot listen")
        getsockname(listener, name, &length)
      }
      return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
    self.listener = listener
    address = ServerAddress("http://127.0.0.1:\(port)")!
    Thread.detachNewThread {
      for script in scripts {
        let descriptor = accept(listener, nil, nil)
        if descriptor < 0 { return }
        let peer = Peer(descriptor)
        // A script that fails hangs up; the client's side of the test then tells.
        try? script(peer)
      }
    }
  }

  deinit { shutdown(listener, CInt(SHUT_RDWR)); close(listener) }

  /// One connection, as the server has it.
  final class Peer {
    struct HungUp: Error {}

    private let descriptor: CInt
    private var pending: [UInt8] = []

    fileprivate init(_ descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func write(_ text: String) { write(Array(text.utf8)) }

    private func write(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes {
          send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        guard sent > 0 else { return }
        rest = rest.dropFirst(sent)
      }
    }

    private func take(_ count: Int) throws -> [UInt8] {
      while pending.count < count { try more() }
      defer { pending.removeFirst(count) }
      return Array(pending[..<count])
    }

    private func more() throws {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { throw HungUp() }
      pending += buffer[..<count]
    }

    /// The head of an HTTP request, and the body its length tells.
    func request() throws -> (head: String, body: [UInt8]) {
      let end: [UInt8] = [13, 10, 13, 10]
      while pending.firstRange(of: end) == nil { try more() }
      let range = pending.firstRange(of: end)!
      let head = String(decoding: pending[..<range.lowerBound], as: UTF8.self)
      pending.removeSubrange(..<range.upperBound)
      let length = head.firstMatch(of: /Content-Length: (\d+)/).flatMap { Int($0.1) } ?? 0
      return (head, try take(length))
    }

    /// Upgrades, and answers `connect`.
    func acceptSocket() throws {
      let (head, _) = try request()
      let key = head.firstMatch(of: /Sec-WebSocket-Key: (.*)/).map { String($0.1) } ?? ""
      write(
        """
        HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r
        Sec-WebSocket-Accept: \(WebSocketStream.acceptance(of: key))\r\n\r\n
        """.replacing("\r\n\r\n\n", with: "\r\n\r\n"))
      let connect = try message()
      precondition(connect.contains("\"connect\""), "the first command is not connect")
      sendMessage(#"{"id":1,"connect":{"client":"c","version":"t","ping":25,"pong":true}}"#)
    }

    func sendMessage(_ text: String) {
      let payload = Array(text.utf8)
      var frame: [UInt8] = [0x81]
      if payload.count < 126 {
        frame.append(UInt8(payload.count))
      } else {
        frame += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
      }
      write(frame + payload)
    }

    func sendClose(_ code: Int, _ reason: String) {
      let payload = [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8)
      write([0x88, UInt8(payload.count)] + payload)
    }

    /// The client's next message: one masked frame.
    func message() throws -> String {
      let head = try take(2)
      var count = Int(head[1] & 0x7F)
      if count == 126 { count = try take(2).reduce(0) { $0 << 8 | Int($1) } }
      let mask = try take(4)
      let payload = try take(count).enumerated().map { $1 ^ mask[$0 & 3] }
      return String(decoding: payload, as: UTF8.self)
    }
  }
}

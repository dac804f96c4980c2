package import EventLoop
import Foundation

/// An endpoint of a test's own, which keeps what it is told and answers as it is told to.
@EventLoop
package final class WebhookReceiver {
  package struct Message: Sendable {
    package var path: String
    /// Names in lower case.
    package var headers: [String: String]
    package var body: String

    package var id: String { headers["webhook-id"] ?? "" }
  }

  package enum Reply: Sendable {
    case status(Int, headers: String = "")
    /// Nothing, until the client goes.
    case silence
  }

  /// What came, in the order of its coming.
  package let messages = Arrivals<Message>()
  private var server: SocketServer?
  private let reply: @Sendable (Message, Int) -> Reply

  /// `reply` gets a message and how many came before it with its id.
  package init(_ reply: @escaping @Sendable (Message, Int) -> Reply = { _, _ in .status(204) }) {
    self.reply = reply
    server = SocketServer { [weak self] socket in
      while let message = Self.read(socket) {
        let answer = Answer()
        Task { @EventLoop in
          guard let self else { return answer.give(.silence) }
          let earlier = self.messages.values.count { $0.id == message.id }
          answer.give(self.reply(message, earlier))
          self.messages.append(message)
        }
        switch answer.wait() {
        case .status(let status, let headers):
          socket.write("HTTP/1.1 \(status) Answer\r\n\(headers)Content-Length: 0\r\n\r\n")
        case .silence: return socket.waitForEnd()
        }
      }
    }
  }

  /// The address of a path of it.
  package func url(_ path: String = "/", host: String = "127.0.0.1") -> String {
    "http://\(host):\(server?.port ?? 0)\(path)"
  }

  package func close() {
    server?.close()
    server = nil
  }

  private nonisolated static func read(_ socket: ServedSocket) -> Message? {
    let head = socket.readHead()
    guard !head.isEmpty else { return nil }
    var lines = head.split(separator: "\r\n")
    let words = lines.removeFirst().split(separator: " ")
    var headers: [String: String] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    if headers["expect"] != nil { socket.write("HTTP/1.1 100 Continue\r\n\r\n") }
    let body = socket.read(headers["content-length"].flatMap { Int($0) } ?? 0)
    return Message(
      path: words.count > 1 ? String(words[1]) : "", headers: headers, body: String(decoding: body, as: UTF8.self))
  }

  /// A reply that the connection's thread waits for.
  private final class Answer: Sendable {
    private let given = DispatchSemaphore(value: 0)
    // Written once, before the semaphore is raised, and read after.
    nonisolated(unsafe) private var reply = Reply.silence

    nonisolated func give(_ reply: Reply) {
      self.reply = reply
      given.signal()
    }

    nonisolated func wait() -> Reply {
      given.wait()
      return reply
    }
  }
}

extension WebhookReceiver.Message {
  /// Whether one of the signatures is the one that Python makes of the message with this secret.
  package func isSigned(with secret: String) async throws -> Bool {
    let script = """
      import base64, hashlib, hmac, sys
      secret, id, at, body = sys.argv[1:]
      key = base64.b64decode(secret.removeprefix("whsec_"))
      code = hmac.new(key, f"{id}.{at}.{body}".encode(), hashlib.sha256).digest()
      print("v1," + base64.b64encode(code).decode())
      """
    let process = try SpawnedProcess(
      "/usr/bin/python3", ["-c", script, secret, id, headers["webhook-timestamp"] ?? "", body],
      environment: ["PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"])
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    return lines.count == 1 && headers["webhook-signature"]?.split(separator: " ").contains { $0 == lines[0] } == true
  }
}

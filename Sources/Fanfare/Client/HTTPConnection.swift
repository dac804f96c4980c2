import Foundation
import Jobs

/// One HTTP/1.1 request and its answer over a socket of its own.
final class HTTPConnection {
  /// The head of an answer; header names in lower case.
  struct Head: Hashable, Sendable {
    var status: Int
    var headers: [String: String]
  }

  private let socket: SocketStream
  /// Bytes that came behind what was read.
  private(set) var leftover: [UInt8] = []

  init(_ socket: SocketStream) { self.socket = socket }

  /// The longest head that is read.
  private static let longestHead = 64 << 10

  /// Sends a request and gives the whole answer; a status from 400 up is thrown as `problem`.
  static func request(
    _ server: ServerAddress, _ method: String, _ path: String, token: String?,
    headers: [(String, String)] = [], body: Body = .none, timeout: Duration = .seconds(60)
  ) throws(ClientError) -> (head: Head, body: [UInt8]) {
    guard !server.isSecure else { throw .encryptionUnsupported }
    let socket = try SocketStream(host: server.host, port: server.port)
    let connection = HTTPConnection(socket)
    var lines = [
      "\(method) \(server.prefix)\(path) HTTP/1.1", "Host: \(server.authority)",
      "Connection: close",
    ]
    if let token { lines.append("Authorization: Bearer \(token)") }
    lines += headers.map { "\($0.0): \($0.1)" }
    if let length = body.length { lines.append("Content-Length: \(length)") }
    try socket.write((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    try body.write(to: socket)
    let head = try connection.readHead(until: .now + timeout)
    let answer = try connection.readBody(of: head, until: .now + timeout)
    guard head.status < 400 else { throw refusal(of: head, body: answer) }
    return (head, answer)
  }

  /// The refusal in the words of the problem document (RFC 9457), else of the status.
  static func refusal(of head: Head, body: [UInt8]) -> ClientError {
    let problem = try? JSONDocument(bytes: body).root
    var words = [problem?["detail"]?.string ?? problem?["title"]?.string ?? "HTTP \(head.status)"]
    for fault in problem?["errors"]?.array ?? [] {
      words.append("\(fault["pointer"]?.string ?? ""): \(fault["detail"]?.string ?? "")")
    }
    let seconds = problem?["retry_after"]?.int ?? head.headers["retry-after"].flatMap { Int($0) }
    return .problem(
      status: head.status, detail: words.joined(separator: "; "), retryAfter: seconds)
  }

  func readHead(until deadline: ContinuousClock.Instant) throws(ClientError) -> Head {
    let end: [UInt8] = [13, 10, 13, 10]
    while true {
      if let range = leftover.firstRange(of: end) {
        let text = String(decoding: leftover[..<range.lowerBound], as: UTF8.self)
        leftover.removeSubrange(..<range.upperBound)
        let head = try Self.parse(head: text)
        // 100 Continue and its like come before the answer.
        if head.status == 101 || head.status >= 200 { return head }
      } else {
        guard leftover.count < Self.longestHead else {
          throw .notUnderstood("an endless HTTP head")
        }
        guard try readMore(until: deadline) else { throw .unreachable("the gateway hung up") }
      }
    }
  }

  static func parse(head text: String) throws(ClientError) -> Head {
    let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      throw .notUnderstood("no HTTP answer")
    }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
        .trimmingCharacters(in: .whitespaces)
    }
    return Head(status: status, headers: headers)
  }

  func readBody(of head: Head, until deadline: ContinuousClock.Instant) throws(ClientError)
    -> [UInt8]
  {
    if head.status == 204 || head.status == 304 { return [] }
    if head.headers["transfer-encoding"]?.lowercased() == "chunked" {
      return try readChunks(until: deadline)
    }
    if let length = head.headers["content-length"].flatMap({ Int($0) }) {
      return try take(length, until: deadline)
    }
    while try readMore(until: deadline) {}
    defer { leftover = [] }
    return leftover
  }

  private func readChunks(until deadline: ContinuousClock.Instant) throws(ClientError) -> [UInt8] {
    var body: [UInt8] = []
    while true {
      let line = try takeLine(until: deadline)
      guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0 else {
        throw .notUnderstood("a chunk without a size")
      }
      if size == 0 { return body }
      body += try take(size, until: deadline)
      _ = try takeLine(until: deadline)
    }
  }

  private func takeLine(until deadline: ContinuousClock.Instant) throws(ClientError) -> String {
    while true {
      if let end = leftover.firstRange(of: [13, 10] as [UInt8]) {
        defer { leftover.removeSubrange(..<end.upperBound) }
        return String(decoding: leftover[..<end.lowerBound], as: UTF8.self)
      }
      guard try readMore(until: deadline) else { throw .unreachable("the answer broke off") }
    }
  }

  private func take(_ count: Int, until deadline: ContinuousClock.Instant) throws(ClientError)
    -> [UInt8]
  {
    while leftover.count < count {
      guard try readMore(until: deadline) else { throw .unreachable("the answer broke off") }
    }
    defer { leftover.removeFirst(count) }
    return Array(leftover[..<count])
  }

  /// False at the end of the stream.
  private func readMore(until deadline: ContinuousClock.Instant) throws(ClientError) -> Bool {
    guard let bytes = try socket.read(until: deadline) else {
      throw .unreachable("the gateway does not answer")
    }
    leftover += bytes
    return !bytes.isEmpty
  }
}

extension HTTPConnection {
  /// What a request carries.
  enum Body {
    case none
    case bytes([UInt8])
    /// Sent piece by piece; `sent` hears how much has gone.
    case file(FileHandle, length: Int, sent: (Int) -> Void)

    var length: Int? {
      switch self {
      case .none: nil
      case .bytes(let bytes): bytes.count
      case .file(_, let length, _): length
      }
    }

    fileprivate func write(to socket: SocketStream) throws(ClientError) {
      switch self {
      case .none: break
      case .bytes(let bytes): try socket.write(bytes)
      case .file(let file, let length, let sent):
        var total = 0
        while total < length {
          let piece: Data
          do {
            piece = try file.read(upToCount: min(256 << 10, length - total)) ?? Data()
          } catch {
            throw .unreadableFile("being sent (\(error.localizedDescription))")
          }
          guard !piece.isEmpty else { throw .unreadableFile("being sent: it became shorter") }
          do throws(ClientError) {
            try socket.write(piece)
          } catch .unreachable {
            // Refused before the end of the body: the answer, which may already be there, says why.
            return
          }
          total += piece.count
          sent(total)
        }
      }
    }
  }
}

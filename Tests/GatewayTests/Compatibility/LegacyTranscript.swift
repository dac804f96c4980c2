import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

/// A conversation of an older system's caller with its service, one scene of a file of `Transcripts`.
///
///     ## S1.3 a sentence            a scene: the lines of the contract that it shows, and what is seen
///     C: GET /queue/status          a request as alice; C[root admin]: as root with the scope; C[]: without a token
///     C: POST /path {"json":1}      with a body
///     C: POST /path form a=text images=one.png:100
///                                   a form: a field, and a file of 100 bytes
///     C: POST /path text {"json":1} with a body that is called text, as a browser's fetch calls it
///     C&: GET /path                 sent, and answered at the next S:
///     S: 200 {"job_id":"<job>"}     the status and the body, member for member; <name> stands for any value, the
///                                   same wherever it stands again; no body: any; (100 bytes): so many, whatever they are
///     H: name: value                a header of the last answer; `-` for none
///     W: takes demucs               a worker takes the next job of a queue; reports, completes, fails, ends it
struct LegacyTranscript: Sendable, CustomTestStringConvertible {
  var api: String
  var heading: String
  var lines: [String]

  var testDescription: String { heading }

  /// The numbers of the contract's lines: `S1.3`.
  var numbers: [String] {
    heading.split(separator: " ").prefix { $0.wholeMatch(of: /S\d\.\d+,?/) != nil }
      .map { String($0).replacing(",", with: "") }
  }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Transcripts")

  static let all: [LegacyTranscript] = LegacyAPI.all.flatMap { api in
    let file = folder.appending(path: "\(api.name).txt")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else {
      preconditionFailure("\(file.path) cannot be read")
    }
    var scenes: [LegacyTranscript] = []
    for line in text.split(separator: "\n").map(String.init) {
      if line.hasPrefix("## ") {
        scenes.append(LegacyTranscript(api: api.name, heading: String(line.dropFirst(3)), lines: []))
      } else if !scenes.isEmpty {
        scenes[scenes.count - 1].lines.append(line)
      }
    }
    return scenes
  }
}

/// Plays a scene against a gateway on a real socket.
@EventLoop
final class LegacyReplay {
  private let harness: SessionHarness
  private let port: Int
  private let prefix: String
  private var replay: Replay
  private var answer: HTTPAnswer?
  private var waiting: RawSocket?
  private var lease: LeasedJob?

  init(_ harness: SessionHarness, port: Int, api: LegacyAPI) {
    self.harness = harness
    self.port = port
    prefix = api.prefix
    replay = Replay(values: [:])
  }

  func play(_ line: String) async throws {
    guard let colon = line.firstIndex(of: ":") else {
      Issue.record("a line is none: \(line)")
      return
    }
    let mark = line[..<colon]
    let text = String(line[line.index(after: colon)...].drop { $0 == " " })
    switch mark.prefix(1) {
    case "#": break
    case "C":
      let socket = try await ask(text, as: mark)
      if mark.contains("&") { waiting = socket } else { answer = try await finish(socket) }
    case "S":
      if let socket = waiting {
        answer = try await finish(socket)
        waiting = nil
      }
      try expect(text)
    case "H": expectHeader(text)
    case "W": try await work(text.split(separator: " ", maxSplits: 2).map { replay.filled(String($0)) })
    default: Issue.record("a line of a transcript is none: \(line)")
    }
  }

  // MARK: The caller

  private func ask(_ text: String, as mark: Substring) async throws -> RawSocket {
    let words = replay.filled(text).split(separator: " ", maxSplits: 2).map(String.init)
    var headers = "host: localhost\r\n"
    var body: [UInt8] = []
    if words.count > 2 {
      if words[2].hasPrefix("form ") {
        headers += "content-type: multipart/form-data; boundary=XyZ\r\n"
        body = Self.form(words[2].split(separator: " ").dropFirst().map(String.init))
      } else if words[2].hasPrefix("text ") {
        headers += "content-type: text/plain;charset=UTF-8\r\n"
        body = Array(words[2].dropFirst(5).utf8)
      } else {
        headers += "content-type: application/json\r\n"
        body = Array(words[2].utf8)
      }
      headers += "content-length: \(body.count)\r\n"
    }
    if let token = try token(mark) { headers += "authorization: Bearer \(token)\r\n" }
    let socket = try await RawSocket.connect(to: port)
    try await socket.send("\(words[0]) \(prefix)\(words[1]) HTTP/1.1\r\n\(headers)\r\n")
    try await socket.send(body)
    return socket
  }

  private func token(_ mark: Substring) throws -> String? {
    guard let open = mark.firstIndex(of: "[") else { return try harness.token() }
    let names = mark[mark.index(after: open)...].prefix { $0 != "]" }.split(separator: " ").map(String.init)
    guard let user = names.first else { return nil }
    let scopes = names.dropFirst().filter { !$0.hasPrefix("max=") }
    let most = names.first { $0.hasPrefix("max=") }.flatMap { Int($0.dropFirst(4)) }
    return try harness.token(user, scopes: scopes.isEmpty ? nil : Permissions(words: scopes), maxPriority: most)
  }

  private static func form(_ fields: [String]) -> [UInt8] {
    var body: [UInt8] = []
    for field in fields {
      let parts = field.split(separator: "=", maxSplits: 1).map(String.init)
      body += Array("--XyZ\r\ncontent-disposition: form-data; name=\"\(parts[0])\"".utf8)
      if let colon = parts[1].lastIndex(of: ":"), let size = Int(parts[1][parts[1].index(after: colon)...]) {
        body += Array("; filename=\"\(parts[1][..<colon])\"\r\ncontent-type: image/png\r\n\r\n".utf8)
        // Line ends and dashes: what a delimiter is made of.
        body += (0..<size).map { [13, 10, 45, 45, 88, 0][$0 % 6] }
      } else {
        body += Array("\r\n\r\n\(parts[1])".utf8)
      }
      body += [13, 10]
    }
    return body + Array("--XyZ--\r\n".utf8)
  }

  private func finish(_ socket: RawSocket) async throws -> HTTPAnswer {
    defer { socket.close() }
    return try await socket.receiveAnswer()
  }

  private func expect(_ text: String) throws {
    let answer = try #require(answer)
    let words = text.split(separator: " ", maxSplits: 1).map(String.init)
    #expect(answer.status == Int(words[0]), "\(text)\n\(answer.text)")
    guard words.count > 1 else { return }
    if let size = words[1].wholeMatch(of: /\((\d+) bytes\)/)?.1 {
      #expect(answer.body.count == Int(size))
    } else {
      try replay.match(words[1], answer.text)
    }
  }

  private func expectHeader(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
    let found = answer?.headers[parts[0]]
    if parts[1] == "-" {
      #expect(found == nil, "\(parts[0])")
    } else if parts[1] == "*" {
      #expect(found != nil, "\(parts[0])")
    } else {
      #expect(found == replay.filled(parts[1]), "\(parts[0])")
    }
  }

  // MARK: The worker

  private func work(_ words: [String]) async throws {
    let broker = harness.broker
    switch words[0] {
    case "takes":
      try await take(from: words[1])
      _ = try #require(lease, "nothing to take")
    case "awaits":
      // The job of a request that is under way: it comes when it comes.
      lease = nil
      while lease == nil {
        try Task.checkCancellation()
        try await take(from: words[1])
        // The request comes over the loop that this runs on.
        await Task.yield()
      }
    case "lives":
      _ = try await broker.beat(
        WorkerReport(
          id: try #require(WorkerID("worker-1")), host: "here", process: 1, version: "1",
          queues: [try #require(QueueName(words[1]))], kinds: [], slots: 2, memory: 0, startedAt: .now),
        renewing: [], for: .seconds(60))
    case "reports":
      _ = try await broker.report(
        Progress(percent: Double(words[1]), message: words.count > 2 ? words[2] : nil),
        under: try #require(lease).lease)
    case "completes":
      try await settle(.complete(try JSONText(validating: words.dropFirst().joined(separator: " "))))
    case "fails":
      try await settle(.fail(JobFailure(code: words[1], message: words[2]), retry: .never))
    case "falters":
      try await settle(.fail(JobFailure(code: words[1], message: words[2]), retry: .after(.seconds(60))))
    case "stops": try await settle(.cancel(JobFailure(code: "cancelled", message: "Cancelled.")))
    case "leaves":
      // A file of so many bytes, as the job's artifact.
      let leased = try #require(lease)
      let folder = try await harness.files.makeWorkFolder(job: leased.lease.job, token: leased.lease.token)
      try Data(repeating: 7, count: Int(words[2])!).write(to: URL(fileURLWithPath: "\(folder)/made"))
      _ = try await harness.files.publish(
        "\(folder)/made", as: try #require(ArtifactName(words[1])), job: leased.lease.job, kind: leased.kind,
        token: leased.lease.token, owner: leased.user)
    case "sees":
      let leased = try #require(lease)
      let payload = try await harness.payloads.text(of: leased.payload)
      try replay.match(words.dropFirst().joined(separator: " "), payload.description)
    default: Issue.record("no worker knows how to: \(words.joined(separator: " "))")
    }
  }

  private func take(from queue: String) async throws {
    let worker = try #require(WorkerID("worker-1"))
    lease = try await harness.broker.lease(
      from: [try #require(QueueName(queue))], limit: 1, for: .seconds(60), by: worker
    ).first
    if let lease { replay.values["taken"] = lease.lease.job.description }
  }

  private func settle(_ settlement: Settlement) async throws {
    _ = try await harness.broker.settle(try #require(lease).lease, settlement)
  }
}

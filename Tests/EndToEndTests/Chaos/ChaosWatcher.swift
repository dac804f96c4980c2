import EventLoop
import Gateway
import Jobs
import Support

/// Watches jobs over a socket, reconnects whatever happens, and resumes where it was.
@EventLoop
final class ChaosWatcher {
  /// Fewer than a connection may have.
  private static let capacity = 100

  private let fleet: ChaosFleet
  private let ledger: ChaosLedger
  private let token: String
  private var random: SeededRandom
  private(set) var streams: [String: WatchedStream] = [:]
  /// Those that stand, or are asked for, on the present connection; oldest first.
  private var watched: [String] = []
  private var backlog: [String] = []
  private var socket: WebSocketClient?
  /// Commands without a reply, and the job that each is about.
  private var asked: [Int: String] = [:]
  private var lastCommand = 0
  private var isOver = false
  private let ended: Arrivals<String>

  /// `ended` gets the id of each job whose end was seen.
  init(_ fleet: ChaosFleet, _ ledger: ChaosLedger, seed: UInt64, ended: Arrivals<String>) throws {
    self.fleet = fleet
    self.ledger = ledger
    self.ended = ended
    token = try fleet.token(user: "watcher", permissions: [.admin])
    random = SeededRandom(seed: seed)
  }

  func watch(_ job: String) {
    streams[job] = WatchedStream(of: job)
    backlog.append(job)
    Task { await subscribe() }
  }

  /// Stays connected until it is over.
  func run() async {
    while !isOver {
      do {
        guard let port = fleet.port(&random) else {
          await pause(.milliseconds(50))
          continue
        }
        let socket = try await WebSocketClient.connect(to: port)
        ledger.count("connections of watchers")
        // All that is watched is watched anew, from where it was.
        backlog = watched + backlog
        watched = []
        asked = [:]
        self.socket = socket
        try await send("connect", #"{"token":"\#(token)"}"#, about: "")
        while !isOver { try await read(socket) }
      } catch {
        socket = nil
        await pause(.milliseconds(Int64.random(in: 10...200, using: &random)))
      }
    }
  }

  func stop() {
    isOver = true
    socket?.socket.reset()
  }

  private func send(_ method: String, _ request: String, about job: String) async throws {
    lastCommand += 1
    asked[lastCommand] = job
    try await socket?.send(#"{"id":\#(lastCommand),"\#(method)":\#(request)}"#)
  }

  /// Subscribes to what waits, as long as there is room; ended streams make room, oldest first.
  private func subscribe() async {
    while socket != nil, asked.isEmpty || !asked.values.contains(""), let job = backlog.first {
      if watched.count >= Self.capacity {
        guard let done = watched.firstIndex(where: { streams[$0]?.hasEnded == true }) else { return }
        let left = watched.remove(at: done)
        try? await send("unsubscribe", #"{"channel":"job:\#(left)"}"#, about: "unsubscribe")
        continue
      }
      backlog.removeFirst()
      watched.append(job)
      try? await send(
        "subscribe", #"{"channel":"job:\#(job)"\#(streams[job]?.position ?? "")}"#, about: job)
    }
  }

  private func read(_ socket: WebSocketClient) async throws {
    for line in try await socket.nextText().split(separator: "\n") {
      let object = try JSONDocument(bytes: Array(line.utf8)).root
      if object.object?.isEmpty == true {
        try await socket.send("{}")
      } else if let id = object["id"]?.int {
        try await takeReply(object, about: asked.removeValue(forKey: id))
      } else if let push = object["push"] {
        guard push["unsubscribe"] == nil, push["disconnect"] == nil else { throw RawSocket.Failure.reset }
        let channel = push["channel"]?.string ?? ""
        guard let data = push["pub"]?["data"] else { continue }
        ledger.count("events seen live")
        change(String(channel.dropFirst(4))) { $0.take(publication: data) }
      }
    }
  }

  private func takeReply(_ object: JSONValue, about job: String?) async throws {
    guard let job, job != "unsubscribe" else { return }
    if let error = object["error"] {
      let code = error["code"]?.int ?? 0
      if code == 102 || code == 112 {
        streams[job]?.fault(.other, "a subscribe was answered with \(error.text)")
      } else {
        ledger.count("refusals of subscribes, repeated")
      }
      throw RawSocket.Failure.reset
    }
    if job.isEmpty { return await subscribe() }
    guard let result = object["subscribe"] else { return }
    if result["was_recovering"]?.bool == true {
      ledger.count("subscriptions resumed")
      if result["recovered"]?.bool != true {
        streams[job]?.fault(.other, "a resume did not recover: \(result.text)")
      }
    }
    change(job) { $0.take(result: result) }
    await subscribe()
  }

  private func change(_ job: String, _ change: (inout WatchedStream) -> Void) {
    guard var stream = streams[job] else { return ledger.violate("\(job) is not watched, but told of") }
    let hadEnded = stream.hasEnded
    change(&stream)
    streams[job] = stream
    if stream.hasEnded, !hadEnded {
      ended.append(job)
      Task { await subscribe() }
    }
  }
}

import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The memory of the Redis broker", .timeLimit(.minutes(2))) @EventLoop
struct RedisBrokerMemoryTests {
  private func broker(on server: RedisServer) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  private func used(_ server: RedisServer) async throws -> Int {
    let info = try await server.ask(RedisCommand("INFO", "memory")).text ?? ""
    let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
    return try #require(line.flatMap { Int($0.dropFirst("used_memory:".count)) })
  }

  /// Enqueues so many jobs of `users` users, some at a time.
  private func fill(
    _ broker: RedisBroker, _ count: Int, users: Int = 1, payload size: Int = 200,
    _ payloads: PayloadStore? = nil
  ) async throws {
    let payload = JSONText.filler(size)
    let lanes = (0..<50).map { lane in
      Task { @EventLoop in
        for number in stride(from: lane, to: count, by: 50) {
          let request = JobRequest.example(
            user: users == 1 ? "alice" : "user\(number % users)", payload: payload)
          try await broker.accept(payloads?.moved(request) ?? request)
        }
      }
    }
    for lane in lanes { try await lane.value }
  }

  @Test("holds a waiting job with a payload of 200 bytes in 500")
  func waitingJob() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    try await fill(broker, 200)
    let before = try await used(server)
    let count = 20_000
    try await fill(broker, count)
    let each = (try await used(server) - before) / count
    #expect(each <= 500, "\(each) bytes a job")
    await broker.close()
  }

  @Test("holds a waiting job with a payload of 100 KB, which lies in the store, in no more")
  func largePayload() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let folder = TemporaryFolder()
    let payloads = PayloadStore(files: ArtifactStore(root: folder.path))
    try await fill(broker, 200)
    let before = try await used(server)
    let count = 500
    try await fill(broker, count, payload: 100_000, payloads)
    let each = (try await used(server) - before) / count
    #expect(each <= 600, "\(each) bytes a job")
    let leased = try await broker.lease(from: [.mail], limit: 700, for: .seconds(30), by: .a)
    let large = leased.filter { $0.payload.size == 100_000 }
    #expect(large.count == count)
    #expect(try await payloads.text(of: large[0].payload) == .filler(100_000))
    await broker.close()
  }

  @Test("keeps the listings in their compact forms, and lists each job once")
  func compactIndex() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let ids = try await (0..<700).asyncMap { number in
      try await broker.accept(.example(user: number % 2 == 0 ? "alice" : "bob")).id
    }
    let keys = try await server.ask(RedisCommand("KEYS", "*")).elements ?? []
    var encodings: [String: Set<String>] = [:]
    for key in keys.compactMap(\.text) {
      for family in [RedisKeys.Family.indexChunks, .userChunks]
      where key.hasPrefix(broker.keys.key(family)) {
        let encoding = try await server.ask(RedisCommand("OBJECT", "ENCODING", key)).text ?? ""
        encodings[family.rawValue, default: []].insert(encoding)
      }
    }
    #expect(encodings[RedisKeys.Family.indexChunks.rawValue]?.contains("hashtable") == false)
    #expect(encodings[RedisKeys.Family.userChunks.rawValue] == ["intset"])

    #expect(try await broker.allJobs(matching: JobFilter(limit: 90)).map(\.id) == ids.reversed())
    // Holes, and whole chunks that are gone.
    for (number, id) in ids.enumerated() where (100..<500).contains(number) || number % 7 == 0 {
      #expect(try await broker.remove(id))
    }
    let kept = ids.enumerated().filter { !(100..<500).contains($0.offset) && $0.offset % 7 != 0 }
    #expect(
      try await broker.allJobs(matching: JobFilter(limit: 200)).map(\.id)
        == kept.map(\.element).reversed())
    #expect(
      try await broker.allJobs(matching: JobFilter(user: "bob", limit: 33)).map(\.id)
        == kept.filter { $0.offset % 2 == 1 }.map(\.element).reversed())
    for job in try await broker.allJobs(matching: JobFilter(limit: 200)) {
      #expect(try await broker.remove(job.id))
    }
    #expect(try await broker.jobs(matching: JobFilter()) == JobPage(jobs: []))
    let last = try await broker.accept().id
    #expect(try await broker.jobs(matching: JobFilter()).jobs.map(\.id) == [last])
    #expect(try await broker.jobs(matching: JobFilter(user: "alice")).jobs.map(\.id) == [last])
    await broker.close()
  }

  @Test("leaves nothing behind of a job that is forgotten")
  func nothingLeft() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let long = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 600))\"".utf8))
    var request = JobRequest.example(payload: long)
    request.uniqueKey = "u"
    request.contentKey = "c"
    request.totalTimeout = .seconds(600)
    try await broker.accept(request)
    let lease = try #require(try await broker.next()).lease
    _ = try await broker.report(Progress(percent: 5, stage: "s"), under: lease)
    _ = try await broker.log(["line"], under: lease)
    try await broker.end(lease, .complete(long))
    #expect(try await broker.remove(request.id))
    var keys = try await server.ask(RedisCommand("KEYS", "*")).elements?.compactMap(\.text) ?? []
    keys.removeAll { $0.hasPrefix(broker.keys.key(.minutes)) }
    let stays: [RedisKeys.Family] = [.numbers, .queues, .index]
    var expected = stays.map { broker.keys.key($0) }
    expected.append(broker.keys.key(.counters, "mail"))
    // The token of a wake that nobody waited for.
    expected.append(broker.keys.key(.wake, "mail"))
    #expect(Set(keys) == Set(expected))
    await broker.close()
  }

  @Test("refuses jobs when Redis is full, and lets those that run be ended")
  func full() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let job = try await broker.accept()
    let lease = try #require(try await broker.next()).lease
    try await broker.accept()
    // Scripts are known from here on.
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
    await #expect(throws: BrokerError.unavailable) { try await broker.accept() }
    #expect(try await broker.end(lease) == .completed)
    let next = try #require(try await broker.next()).lease
    #expect(try await broker.end(next, .fail(.example, retry: .after(.seconds(600)))) == .retrying)
    try await server.ask(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
    #expect(try await broker.job(job.id)?.state == .completed)
    let jobs = try await broker.jobs(matching: JobFilter()).jobs
    #expect(jobs.count == 2, "what was refused left nothing")
    try await consistent(broker, jobs)
    try await broker.accept()
    await broker.close()
  }
}

extension Sequence {
  fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
    var values: [T] = []
    for element in self { values.append(try await transform(element)) }
    return values
  }
}

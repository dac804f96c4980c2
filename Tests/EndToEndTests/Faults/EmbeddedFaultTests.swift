import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

/// What fails below the embedded broker, and what happens then (docs/operations.md says it in words).
@Suite("Faults below the embedded broker", .timeLimit(.minutes(1))) @EventLoop
struct EmbeddedFaultTests {
  private let folder = TemporaryFolder()
  private let queue = QueueName("faults")!
  private let clock = ManualClock()

  private func open(_ name: String = "jobs") async throws -> EmbeddedBroker {
    let clock = clock
    return try await EmbeddedBroker.open(
      at: folder.path(name), clock: { clock.now }, logger: Logger(label: "test"))
  }

  private func request(_ number: Int = 0, start: JobStart = .now) -> JobRequest {
    JobRequest(
      queue: queue, kind: JobKind("fault")!, user: "alice",
      payload: JSONText(unchecked: Array(#"{"number":\#(number)}"#.utf8)), start: start)
  }

  private func next(_ broker: any Broker) async throws -> LeasedJob? {
    try await broker.lease(from: [queue], limit: 1, for: .seconds(30), by: WorkerID("w")!).first
  }

  // MARK: The clock

  @Test("keeps order, leases and numbers when the clock jumps back")
  func clockJumpsBack() async throws {
    let broker = try await open()
    let running = try await broker.enqueue(request()).job
    let lease = try #require(try await next(broker)).lease
    let second = try await broker.enqueue(request()).job
    let later = try await broker.enqueue(request(start: .after(.seconds(60)))).job
    clock.advance(by: .seconds(-3600))
    let third = try await broker.enqueue(request()).job
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    let report = try await broker.maintain(limit: 100, LossRules())
    #expect(report.requeued.isEmpty && report.failed.isEmpty)
    let leased = try #require(try await next(broker))
    #expect(leased.lease.job == second.id)
    #expect(try await broker.settle(leased.lease, .release) == .settled(.queued))
    let again = try #require(try await next(broker)).lease
    #expect(again.job == second.id && again.token > leased.lease.token)
    #expect(try await next(broker)?.lease.job == third.id)
    #expect(try await broker.settle(lease, .complete(nil)) == .settled(.completed))
    #expect(try await broker.job(running.id)?.position.offset == 3)
    #expect(try await broker.job(later.id)?.state == .scheduled)
    await broker.close()
  }

  @Test("pardons leases once when the clock jumps forward, and runs what has become due")
  func clockJumpsForward() async throws {
    let broker = try await open()
    let rules = LossRules(amnesty: .seconds(30))
    let running = try await broker.enqueue(request()).job
    let lease = try #require(try await next(broker)).lease
    let later = try await broker.enqueue(request(start: .after(.seconds(7200)))).job
    _ = try await broker.maintain(limit: 100, rules)
    clock.advance(by: .seconds(7201))
    let report = try await broker.maintain(limit: 100, rules)
    #expect(report.pardoned == 1 && report.requeued.isEmpty)
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    #expect(try await next(broker)?.lease.job == later.id)
    #expect(try await broker.settle(lease, .complete(nil)) == .settled(.completed))
    #expect(try await broker.job(running.id)?.lostDeliveries == 0)
    await broker.close()
  }

  // MARK: The journal

  enum Damage: CaseIterable { case cut, flip }

  /// A broker's folder as a crash leaves it, with the write-ahead log damaged at a part of its length.
  private func damagedCopy(_ damage: Damage, at part: Double) throws -> String {
    let name = UUID().uuidString
    try FileManager.default.copyItem(atPath: folder.path("jobs"), toPath: folder.path(name))
    let log = try FileHandle(forUpdating: URL(fileURLWithPath: folder.path("\(name)/journal.sqlite-wal")))
    let offset = UInt64(Double(try log.seekToEnd()) * part)
    switch damage {
    case .cut: try log.truncate(atOffset: offset)
    case .flip:
      try log.seek(toOffset: offset)
      let bytes = try #require(try log.read(upToCount: 8))
      try log.seek(toOffset: offset)
      try log.write(contentsOf: Data(bytes.map { ~$0 }))
    }
    try log.close()
    // What SQLite derives from the log; a crash of the machine leaves none.
    try? FileManager.default.removeItem(atPath: folder.path("\(name)/journal.sqlite-shm"))
    return name
  }

  @Test(
    "takes up everything before the first half-written page, and goes on from there",
    arguments: Damage.allCases, [0.2, 0.5, 0.8, 0.99])
  func halfWrittenPages(_ damage: Damage, _ part: Double) async throws {
    let broker = try await open()
    var accepted: [Job] = []
    for number in 0..<40 { accepted.append(try await broker.enqueue(request(number)).job) }
    let name = try damagedCopy(damage, at: part)
    await broker.close()
    let copy = try await open(name)
    var found: [JobID] = []
    for job in accepted {
      guard let record = try await copy.job(job.id) else { break }
      #expect(record.payload != nil)
      found.append(job.id)
    }
    // A beginning of what was accepted, whole: no hole, nothing after it.
    #expect(Double(found.count) >= 40 * part - 6 && found.count < 40)
    #expect(try await copy.queue(queue)?.counts[.queued, default: 0] ?? 0 == found.count)
    #expect(try await copy.enqueue(request(99)).job.queuePosition == found.count + 1)
    #expect(try await next(copy)?.lease.job == found.first)
    await copy.close()
  }

  @Test("says what is wrong with a journal whose pages are garbage, and takes up nothing of it")
  func garbage() async throws {
    let broker = try await open()
    for number in 0..<40 { _ = try await broker.enqueue(request(number)) }
    await broker.close()
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder.path("jobs/journal.sqlite")))
    let length = try file.seekToEnd()
    try file.seek(toOffset: 4096)
    try file.write(contentsOf: Data(repeating: 0xA5, count: Int(length) - 4096))
    try file.close()
    do {
      _ = try await open()
      Issue.record("a journal of garbage was opened")
    } catch {
      #expect("\(error)".contains("journal.sqlite cannot be used"))
    }
  }
}

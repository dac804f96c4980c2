import EventLoop
import Support
import Synchronization
import Testing

@testable import Jobs

@Suite("The embedded broker", .timeLimit(.minutes(2)))
struct EmbeddedBrokerTests {
  private let place = BrokerFolder()
  private var clock: ManualClock { place.clock }

  private func open() async throws -> EmbeddedBroker { try await place.open() }
  private func openCrashCopy() async throws -> EmbeddedBroker { try await place.openCrashCopy() }

  // MARK: What survives

  @Test("has after a crash every job that was acknowledged before it")
  func acknowledgedSurvives() async throws {
    let broker = try await open()
    let acknowledged = Acknowledged()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<60 {
        group.addTask {
          let payload = JSONText(unchecked: Array("{\"n\":\(number)}".utf8))
          acknowledged.add(try await broker.accept(.example(payload: payload)))
        }
      }
      for _ in 0..<5 {
        group.addTask {
          let before = acknowledged.jobs
          let copy = try await self.openCrashCopy()
          for job in before { #expect(try await copy.job(job.id)?.payload == job.payload) }
          await copy.close()
        }
      }
      try await group.waitForAll()
    }
    let copy = try await openCrashCopy()
    #expect(try await copy.allJobs(matching: JobFilter()).count == 60)
    #expect(
      try await copy.lease(from: [.mail], limit: 100, for: .seconds(9), by: .a).map(\.lease.job)
        == acknowledged.inOrderOfAcceptance, "in the order in which they were accepted")
    await copy.close()
    await broker.close()
  }

  @Test("has after a crash each job as it stood")
  func recordsSurvive() async throws {
    let broker = try await open()
    let payload = JSONText(unchecked: Array(#"{"é":[1.50,"\n"]}"#.utf8))
    var ids: [JobID] = []
    for number in 0..<6 {
      let request = JobRequest(
        queue: .mail, kind: .example, user: "ålice", payload: payload, priority: .high,
        maxAttempts: 2, timeout: .seconds(number), idempotencyKey: "key \(number)")
      ids.append(try await broker.accept(request).id)
    }
    let leases = try await broker.lease(from: [.mail], limit: 5, for: .seconds(30), by: .a)
      .map(\.lease)
    _ = try await broker.log(["one", "two"], under: leases[0])
    let details = JSONText(unchecked: Array(#"{"speed":2}"#.utf8))
    _ = try await broker.report(
      Progress(percent: 12.3, stage: "s", message: "m", details: details), under: leases[1])
    try await broker.end(leases[0], .complete(JSONText(unchecked: Array("[true]".utf8))))
    try await broker.end(leases[1], .fail(.example, retry: .after(.seconds(60))))
    try await broker.end(leases[2], .fail(.example, retry: .never))
    try await broker.end(leases[3], .cancel(.example))
    try await broker.end(leases[4], .release)

    var before: [Job?] = []
    for id in ids { before.append(try await broker.job(id)) }
    let copy = try await openCrashCopy()
    for (id, job) in zip(ids, before) { #expect(try await copy.job(id) == job) }
    #expect(try await copy.logLines(of: ids[0]) == ["one", "two"])
    clock.advance(by: .seconds(60))
    let retry = try await copy.lease(from: [.mail], limit: 1, for: .seconds(30), by: .a)
    #expect(retry.first?.lease.job == ids[1])
    #expect(retry.first?.attempt == 2)
    await copy.close()
    await broker.close()
  }

  @Test("returns running jobs to the front, their tokens and offsets growing")
  func runningJobsReturn() async throws {
    let broker = try await open()
    let first = try await broker.accept()
    let second = try await broker.accept()
    let cancelled = try await broker.accept()
    let log = await DeliveryLog()
    _ = try await broker.subscribe(to: .user("alice")) { log.record($0) }
    let leases = try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a)
      .map(\.lease)
    try await broker.end(leases[1], .release)
    _ = try await broker.cancel(cancelled.id, reason: "enough")
    for percent in 1...50 {
      _ = try await broker.report(Progress(percent: Double(percent)), under: leases[0])
    }
    let told = try await log.events { $0.contains { $0.progress.percent == 50 } }

    // The same clock, not a millisecond later: growth must not hang on time.
    let copy = try await openCrashCopy()
    let returned = try #require(try await copy.job(first.id))
    #expect(returned.state == .queued)
    #expect(returned.queuePosition == 1)
    #expect(returned.attempt == 0)
    #expect(returned.lostDeliveries == 1)
    #expect(returned.position.epoch == first.position.epoch)
    #expect(returned.position.offset > (told.map(\.position.offset).max() ?? .max))
    #expect(try await copy.job(cancelled.id)?.state == .cancelled)
    #expect(try await copy.extend([leases[0]], for: .seconds(30)) == [.lost])
    let again = try await copy.lease(from: [.mail], limit: 2, for: .seconds(30), by: .b)
    #expect(again.map(\.lease.job) == [first.id, second.id])
    #expect(again[0].lease.token > leases[0].token)
    await copy.close()
    await broker.close()
  }

  @Test("never uses an offset twice, however much was reported before a crash")
  func offsetsAreReserved() async throws {
    let broker = try await open()
    let job = try await broker.accept()
    let log = await DeliveryLog()
    _ = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
    let lease = try #require(try await broker.next()).lease
    for _ in 0..<2500 { _ = try await broker.report(Progress(percent: 1), under: lease) }
    let offsets = try await log.events(atLeast: 2501).map(\.position.offset)
    #expect(offsets == Array(2...2502))
    let copy = try await openCrashCopy()
    #expect(try #require(try await copy.job(job.id)).position.offset > 2502)
    await copy.close()
    await broker.close()
  }

  @Test("remembers keys and spent requests across a restart")
  func keysAndBudgets() async throws {
    let broker = try await open()
    let job = try await broker.accept(.example(key: "k"))
    for _ in 0..<2 {
      _ = try await broker.spendRequest(of: "alice", limit: 2, window: .seconds(60))
    }
    await broker.close()

    let again = try await open()
    let replay = try await again.enqueue(.example(key: "k"))
    #expect(replay.isReplay && replay.job.id == job.id)
    let refused = try await again.spendRequest(of: "alice", limit: 2, window: .seconds(60))
    #expect(!refused.isAdmitted && refused.retryAfter == .seconds(60))
    clock.advance(by: .seconds(60))
    #expect(try await again.spendRequest(of: "alice", limit: 2, window: .seconds(60)).isAdmitted)
    await again.close()
  }

  // MARK: What is forgotten

  @Test("forgets completed and cancelled jobs after a day, failed ones after a week")
  func retention() async throws {
    let broker = try await open()
    var ids: [JobState: JobID] = [:]
    for (state, settlement) in [
      (JobState.completed, Settlement.complete(nil)), (.failed, .fail(.example, retry: .never)),
      (.cancelled, .cancel(.example)), (.queued, .release),
    ] {
      ids[state] = try await broker.accept().id
      let lease = try #require(try await broker.next()).lease
      _ = try await broker.log(["line"], under: lease)
      try await broker.end(lease, settlement)
    }
    func known() async throws -> Set<JobState> {
      _ = try await broker.maintain(limit: 10, LossRules(maxLost: 3, amnesty: .seconds(1 << 30)))
      var known: Set<JobState> = []
      for (state, id) in ids where try await broker.job(id) != nil { known.insert(state) }
      return known
    }
    clock.advance(by: .seconds(24 * 3600 - 1))
    #expect(try await known() == [.completed, .failed, .cancelled, .queued])
    clock.advance(by: .seconds(1))
    #expect(try await known() == [.failed, .queued])
    #expect(try await broker.logLines(of: try #require(ids[.completed])).isEmpty)
    clock.advance(by: .seconds(6 * 24 * 3600))
    #expect(try await known() == [.queued])
    #expect(try await broker.allJobs(matching: JobFilter()).count == 1)
    await broker.close()

    let again = try await open()
    #expect(try await again.allJobs(matching: JobFilter()).count == 1, "in the journal too")
    await again.close()
  }

  @Test("forgets a key after a day, even while its job goes on")
  func keyLifetime() async throws {
    let broker = try await open()
    let first = try await broker.accept(.example(key: "k"))
    clock.advance(by: .seconds(24 * 3600 - 1))
    #expect(try await broker.enqueue(.example(key: "k")).isReplay)
    clock.advance(by: .seconds(1))
    let second = try await broker.enqueue(.example(key: "k"))
    #expect(!second.isReplay && second.job.id != first.id)
    #expect(try await broker.enqueue(.example(key: "k")).job.id == second.job.id)
    await broker.close()
    let again = try await open()
    #expect(try await again.enqueue(.example(key: "k")).job.id == second.job.id)
    await again.close()
  }

  @Test("wakes another waiter when the one that was woken cannot take") @EventLoop
  func passedOn() async throws {
    let broker = try await open()
    let returns = Arrivals<Int>()
    for number in 1...3 {
      Task { @EventLoop in
        await broker.waitForWork(in: [.mail, .default], upTo: .seconds(600))
        returns.append(number)
      }
    }
    while broker.waiters.count < 3 { await Task.yield() }
    _ = try await broker.enqueue(.example())
    #expect(try await returns.values(atLeast: 1).count == 1)
    await broker.passOnWork(in: [.default, .mail])
    #expect(try await returns.values(atLeast: 2).count == 2)
    _ = try await broker.setMode(of: .mail, to: .paused)
    await broker.passOnWork(in: [.default, .mail])
    #expect(broker.waiters.count == 1)
    broker.waiters.wakeAll()
    try await returns.values(atLeast: 3)
    await broker.close()
  }

  // MARK: When the journal fails

  @Test("acknowledges nothing that a full disk refuses, and goes on when there is room")
  func fullDisk() async throws {
    let broker = try await open()
    let log = await DeliveryLog()
    _ = try await broker.subscribe(to: .user("alice")) { log.record($0) }
    let running = try await broker.accept(.example(key: "k"))
    let lease = try #require(try await broker.next()).lease
    try await broker.journal.limitSize(toBytes: 1)

    let large = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 60_000))\"".utf8))
    var refused: JobRequest?
    var accepted = [running.id]
    for _ in 0..<100 where refused == nil {
      let request = JobRequest.example(payload: large)
      do throws(BrokerError) {
        accepted.append(try await broker.accept(request).id)
      } catch {
        #expect(error == .unavailable)
        refused = request
      }
    }
    let request = try #require(refused)
    #expect(try await broker.job(request.id) == nil)
    await #expect(throws: BrokerError.unavailable) {
      try await broker.settle(lease, .complete(large))
    }
    #expect(try await broker.job(running.id)?.state == .running)
    #expect(try await broker.extend([lease], for: .seconds(30)) == [.held])
    #expect(try await broker.report(Progress(percent: 5), under: lease).standing == .held)
    await #expect(throws: BrokerError.unavailable) {
      let line = String(repeating: "l", count: 1000)
      _ = try await broker.log(Array(repeating: line, count: 200), under: lease)
    }
    let told = await log.events
    #expect(!told.contains { $0.id == request.id || $0.state == .completed })

    let copy = try await openCrashCopy()
    #expect(Set(try await copy.allJobs(matching: JobFilter()).map(\.id)) == Set(accepted))
    await copy.close()

    try await broker.journal.limitSize(toBytes: nil)
    #expect(await broker.isAvailable())
    #expect(try await !broker.enqueue(request).isReplay)
    #expect(try await broker.end(lease, .complete(large)) == .completed)
    #expect(try await broker.job(running.id)?.result == large)
    let events = await log.events
    #expect(events.filter { $0.id == running.id }.map(\.position.offset) == [1, 2, 3, 4])
    #expect(events.count { $0.id == request.id } == 1)
    await broker.close()
  }

  @Test("undoes all that was built on a change which could not be kept")
  func builtOnSand() async throws {
    let broker = try await open()
    try await broker.journal.limitSize(toBytes: 1)
    let large = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 250_000))\"".utf8))
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<30 {
        group.addTask {
          do throws(BrokerError) {
            try await broker.accept(.example(payload: large, key: "k\(number % 10)"))
            return true
          } catch { return false }
        }
        group.addTask {
          do throws(BrokerError) {
            return try await !broker.lease(from: [.mail], limit: 3, for: .seconds(9), by: .a).isEmpty
          } catch { return false }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.allSatisfy { !$0 })
    #expect(try await broker.allJobs(matching: JobFilter()).isEmpty)
    try await broker.journal.limitSize(toBytes: nil)
    #expect(try await !broker.enqueue(.example(key: "k1")).isReplay)
    #expect(try await broker.next()?.attempt == 1)
    await broker.close()
  }

  // MARK: The folder

  @Test("refuses a folder that another broker uses, and takes it when that one is closed")
  func folderInUse() async throws {
    let broker = try await open()
    await #expect(throws: JournalError.inUse(folder: place.path)) {
      _ = try await open()
    }
    await broker.close()
    let next = try await open()
    #expect(await next.isAvailable())
    await next.close()
  }

  @Test("says what is wrong with a folder that cannot be used")
  func unusableFolder() async throws {
    let folder = TemporaryFolder()
    let file = try folder.write("not a folder", to: "file")
    await #expect(throws: JournalError.self) { _ = try await place.open(file) }
    try folder.write(String(repeating: "not a database ", count: 100), to: "bad/journal.sqlite")
    await #expect(throws: JournalError.self) { _ = try await place.open(folder.path("bad")) }
  }
}

/// The jobs that were acknowledged so far.
private final class Acknowledged: Sendable {
  private let list = Mutex<[Job]>([])

  func add(_ job: Job) { list.withLock { $0.append(job) } }

  var jobs: [Job] { list.withLock { $0 } }

  /// By the place each had when it was accepted.
  var inOrderOfAcceptance: [JobID] {
    jobs.sorted { $0.queuePosition ?? 0 < $1.queuePosition ?? 0 }.map(\.id)
  }
}

import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@Suite("A scheduler", .timeLimit(.minutes(1))) struct SchedulerTests {
  /// A book that remembers who asked for what; `fire` can be made to refuse.
  @EventLoop private final class Book: ScheduleBook {
    let broker: EmbeddedBroker
    let reads = Arrivals<Int>()
    let attempts = Arrivals<Timestamp>()
    let fired = Arrivals<JobID>()
    var refusal: BrokerError?
    var isAway = false

    init(_ broker: EmbeddedBroker) { self.broker = broker }

    @discardableResult
    func put(_ schedule: Schedule, next: Timestamp?) async throws(BrokerError) -> Timestamp? {
      try await broker.put(schedule, next: next)
    }

    func remove(_ name: ScheduleName) async throws(BrokerError) -> Bool {
      try await broker.remove(name)
    }

    func schedules() async throws(BrokerError) -> [ScheduleStatus] {
      defer { reads.append(reads.values.count) }
      if isAway { throw .unavailable }
      return try await broker.schedules()
    }

    func fire(
      _ name: ScheduleName, due: Timestamp, request: JobRequest, next: Timestamp?
    ) async throws(BrokerError) -> JobID? {
      attempts.append(due)
      if let refusal { throw refusal }
      let job = try await broker.fire(name, due: due, request: request, next: next)
      if let job { fired.append(job) }
      return job
    }
  }

  private let place = BrokerFolder()
  private let diary = LogRecorder(from: .warning)
  private let files = TemporaryFolder()
  private var payloads: PayloadStore { PayloadStore(files: ArtifactStore(root: files.path)) }

  private func schedule(_ cron: String) throws -> Schedule {
    Schedule(
      name: try #require(ScheduleName("nightly")), cron: try CronExpression(cron),
      timeZone: "Europe/Berlin",
      request: .example { $0.start = .after(.seconds(3600)) })
  }

  @EventLoop private func scheduler(of book: Book) -> Scheduler {
    let (clock, diary) = (place.clock, diary)
    return Scheduler(
      of: book, payloads: payloads, every: .milliseconds(5), clock: { clock.now },
      logger: Logger(label: "test") { _ in diary })
  }

  @Test("makes up for missed moments once, and goes on with the first to come")
  @EventLoop func outage() async throws {
    let broker = try await place.open()
    let book = Book(broker)
    let hourly = try schedule("0 * * * *")
    let due = try #require(hourly.next(after: place.clock.now))
    try await broker.put(hourly, next: due)
    let asleep = scheduler(of: book)
    try await book.reads.values(atLeast: 3)
    #expect(book.attempts.values.isEmpty, "nothing is due")
    place.clock.advance(by: .seconds(5 * 3600))
    let first = try await book.fired.values(atLeast: 1)[0]
    let now = place.clock.now
    try await book.reads.values(atLeast: book.reads.values.count + 3)
    #expect(book.fired.values == [first])
    let status = try #require(try await broker.schedules().first)
    #expect(status.next == hourly.next(after: now))
    #expect(status.lastJob == first)
    let job = try #require(try await broker.job(first))
    #expect(job.state == .queued, "whatever its request says, it starts now")
    #expect(job.id != hourly.request.id)
    place.clock.advance(by: .seconds(3600))
    let second = try await book.fired.values(atLeast: 2)[1]
    #expect(second != first)
    asleep.stop()
    #expect(diary.events.isEmpty)
    await broker.close()
  }

  @Test("fires once beside others, and no more once it was stopped")
  @EventLoop func several() async throws {
    let broker = try await place.open()
    let books = (0..<4).map { _ in Book(broker) }
    let daily = try schedule("@daily")
    try await broker.put(daily, next: place.clock.now)
    let schedulers = books.map { scheduler(of: $0) }
    for book in books { try await book.reads.values(atLeast: 4) }
    #expect(books.map { $0.fired.values.count }.reduce(0, +) == 1)
    for scheduler in schedulers { scheduler.stop() }
    let reads = books.map { $0.reads.values.count }
    place.clock.advance(by: .seconds(86_400))
    let watcher = Book(broker)
    let late = scheduler(of: watcher)
    try await watcher.fired.values(atLeast: 1)
    late.stop()
    #expect(zip(books, reads).allSatisfy { $0.reads.values.count <= $1 + 1 })
    #expect(books.map { $0.fired.values.count }.reduce(0, +) == 1)
    await broker.close()
  }

  @Test("gives each job a file of its own where the payload is large, and leaves no other")
  @EventLoop func largePayload() async throws {
    let broker = try await place.open()
    let books = (0..<4).map { _ in Book(broker) }
    var daily = try schedule("@daily")
    daily.request.payload = .inline(.filler(20_000))
    try await broker.put(daily, next: place.clock.now)
    let schedulers = books.map { scheduler(of: $0) }
    // Who reads the book again is done with what was due before.
    for book in books { try await book.reads.values(atLeast: 4) }
    place.clock.advance(by: .seconds(86_400))
    for book in books { try await book.reads.values(atLeast: book.reads.values.count + 4) }
    for scheduler in schedulers { scheduler.stop() }
    let jobs = books.flatMap(\.fired.values)
    #expect(jobs.count == 2)
    let names = FileManager.default.enumerator(atPath: files.path)?.allObjects.compactMap { $0 as? String }
    #expect(Set(names?.filter { $0.count > 20 }.map { String($0.suffix(36)) } ?? []) == Set(jobs.map(\.description)))
    for job in jobs {
      let payload = try #require(try await broker.job(job)?.payload)
      #expect(try await payloads.text(of: payload) == .filler(20_000))
    }
    #expect(try await broker.schedules().first?.schedule.request.payload == .inline(.filler(20_000)))
    await broker.close()
  }

  @Test("tells a refusal once and tries again without a storm")
  @EventLoop func refusal() async throws {
    let broker = try await place.open()
    let book = Book(broker)
    book.refusal = .queueFull(limit: 1)
    let due = place.clock.now
    try await broker.put(try schedule("@daily"), next: due)
    let scheduler = scheduler(of: book)
    try await book.reads.values(atLeast: 5)
    #expect(book.attempts.values == [due])
    place.clock.advance(by: .seconds(5))
    try await book.attempts.values(atLeast: 2)
    try await book.reads.values(atLeast: book.reads.values.count + 3)
    #expect(book.attempts.values == [due, due])
    book.refusal = nil
    place.clock.advance(by: .seconds(10))
    try await book.fired.values(atLeast: 1)
    scheduler.stop()
    #expect(diary.events.map(\.message.description) == ["a schedule could not be fired; it is tried again"])
    await broker.close()
  }

  @Test("goes on when the broker is back")
  @EventLoop func away() async throws {
    let broker = try await place.open()
    let book = Book(broker)
    book.isAway = true
    try await broker.put(try schedule("@daily"), next: place.clock.now)
    let scheduler = scheduler(of: book)
    try await book.reads.values(atLeast: 4)
    #expect(diary.events.map(\.message.description) == ["schedules cannot be fired at present"])
    book.isAway = false
    book.refusal = .unavailable
    try await book.attempts.values(atLeast: 2)
    book.refusal = nil
    try await book.fired.values(atLeast: 1)
    scheduler.stop()
    await broker.close()
  }

  @Test("leaves a schedule alone whose zone it does not know")
  @EventLoop func unknownZone() async throws {
    let broker = try await place.open()
    let book = Book(broker)
    var strange = try schedule("@daily")
    strange.timeZone = "Mars/Olympus"
    let due = place.clock.now
    try await broker.put(strange, next: due)
    let scheduler = scheduler(of: book)
    try await book.reads.values(atLeast: 4)
    scheduler.stop()
    #expect(book.attempts.values.isEmpty)
    #expect(try await broker.schedules().first?.next == due)
    #expect(diary.events.count == 1)
    await broker.close()
  }
}

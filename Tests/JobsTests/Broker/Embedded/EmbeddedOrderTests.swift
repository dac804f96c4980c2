import EventLoop
import Jobs
import Support
import Testing

@Suite("What an embedded broker tells", .timeLimit(.minutes(1)))
struct EmbeddedOrderTests {
  private let place = BrokerFolder()

  @Test("comes in the order of its numbers, though progress is told at once and the rest when it is kept")
  func order() async throws {
    let broker = try await place.open()
    let group = try await broker.create(GroupRequest(user: "alice")).id
    let job = try await broker.accept(.example { $0.group = group })
    let lease = try #require(try await broker.next()).lease
    let log = await DeliveryLog()
    for channel in [Channel.job(job.id), .group(group)] {
      _ = try await broker.subscribe(to: channel) { log.record($0) }
    }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { for _ in 0..<100 { _ = try await broker.log(["line"], under: lease) } }
      tasks.addTask { for _ in 0..<100 { try await broker.accept(.example(queue: .video)) } }
      tasks.addTask {
        for _ in 0..<50 { try await broker.accept(.example(queue: .video) { $0.group = group }) }
      }
      tasks.addTask {
        for permille in 1..<999 {
          _ = try await broker.report(Progress(percent: Double(permille) / 10 + 0.01), under: lease)
        }
      }
      try await tasks.waitForAll()
    }
    try await broker.end(lease)
    let offsets = await log.events.map(\.position.offset)
    #expect(offsets.count == 999 && offsets == offsets.sorted())
    let numbers = await log.groups.map(\.position.offset)
    #expect(numbers.count > 50 && numbers == numbers.sorted())
    #expect(try await broker.find(group) == (await log.groups.last))
    await broker.close()
  }
}

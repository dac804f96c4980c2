import EventLoop
import Jobs
import Support
import Testing

@Suite("The feed with another broker behind", .timeLimit(.minutes(1))) @EventLoop
struct FallbackFeedTests {
  private let folder = TemporaryFolder()

  @Test("holds what happened to jobs here while the shared broker was away, and their end once more after it")
  func away() async throws {
    let pair = try await FallbackPair.open(folder)
    try await pair.broker.register(.bills, bound: 1000)
    let before = try await pair.broker.accept(.example { $0.isRecorded = true })
    pair.goAway()
    let here = try await pair.broker.accept(.example(queue: .video) { $0.isRecorded = true })
    try await pair.broker.work(in: .video)
    var entries = try await pair.broker.entries()
    #expect(entries.map(\.job.id) == [here.id, here.id, here.id])
    #expect(entries.map(\.job.state) == [.queued, .running, .completed])
    #expect(try await pair.broker.commit(.bills, through: entries[1].place, holder: "a"))
    await pair.comeBack()
    entries = try await pair.broker.entries()
    #expect(entries.map(\.job.state) == [.completed], "what is here comes first")
    let end = entries[0]
    #expect(try await pair.broker.commit(.bills, through: end.place, holder: "a"))
    entries = try await pair.broker.entries()
    #expect(entries.map(\.job.id) == [before.id, here.id])
    #expect(entries[1].reason == "restored" && entries[1].job.position == end.job.position, "the same change")
    #expect(
      try await pair.broker.feedStandings() == [
        FeedStanding(consumer: .bills, behind: 2, oldest: entries[0].job.updatedAt)
      ])
    #expect(try await pair.broker.commit(.bills, through: entries[1].place, holder: "a"))
    #expect(try await pair.broker.entries().isEmpty)
    await pair.broker.close()
  }

  @Test("is read from the shared broker by one process for all, and here by each for itself")
  func holders() async throws {
    let pair = try await FallbackPair.open(folder)
    try await pair.shared.register(.bills, bound: 10)
    let other = try await pair.shared.feed(for: .bills, holder: "other", lease: .seconds(60), limit: 1)
    #expect(other.isHolder)
    #expect(try await !pair.broker.feed(for: .bills, holder: "a", lease: .seconds(60), limit: 1).isHolder)
    pair.goAway()
    let here = try await pair.broker.accept(.example { $0.isRecorded = true })
    #expect(try await pair.broker.entries().map(\.job.id) == [here.id])
    await pair.broker.close()
  }
}

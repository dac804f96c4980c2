import EventLoop
import Foundation
import Jobs
import Support
import Testing

@Suite("The feed of an embedded broker", .timeLimit(.minutes(1)))
struct EmbeddedFeedTests {
  private let place = BrokerFolder()

  @Test("survives a restart with its consumers, numbers entries on, and follows the same jobs")
  func restart() async throws {
    var broker = try await place.open()
    try await broker.register(.bills, bound: 1000)
    let job = try await broker.accept(.example { $0.webhooks = [Webhook("https://example.com/a", .all)] })
    try await broker.accept()
    let first = try #require(try await broker.entries().first)
    _ = try await broker.next()
    await broker.close()

    broker = try await place.open()
    var entries = try await broker.entries(by: "b")
    #expect(entries.map(\.job.id) == [job.id, job.id, job.id])
    #expect(entries.map(\.job.state) == [.queued, .running, .queued])
    #expect(entries.map(\.reason) == [nil, nil, "lost"], "its worker went with the process")
    #expect(entries.first == first)
    #expect(try await broker.commit(.bills, through: entries[2].place, holder: "b"))
    await broker.close()

    broker = try await place.open()
    #expect(try await broker.entries().isEmpty)
    try await broker.work()
    entries = try await broker.entries()
    #expect(entries.map(\.job.state) == [.running, .completed])
    await broker.close()
  }

  @Test("takes entries back with the changes that could not be kept")
  func undone() async throws {
    let broker = try await place.open()
    try await broker.register(.bills, bound: 1000)
    try await broker.accept(.example { $0.isRecorded = true })
    try await broker.journal.limitSize(toBytes: 1)
    let large = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 200 << 10))\"".utf8))
    await #expect(throws: BrokerError.unavailable) {
      try await broker.accept(.example(payload: large) { $0.isRecorded = true })
    }
    try await broker.journal.limitSize(toBytes: nil)
    let second = try await broker.accept(.example { $0.isRecorded = true })
    let entries = try await broker.entries()
    #expect(entries.count == 2 && entries.last?.job.id == second.id)
    let standing = try #require(try await broker.feedStandings().first)
    #expect(standing.behind == 2 && standing.lost == 0)
    await broker.close()
  }
}

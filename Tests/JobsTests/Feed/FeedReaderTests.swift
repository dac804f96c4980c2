import EventLoop
import Jobs
import Support
import Testing

@Suite("A reader of the feed", .timeLimit(.minutes(1))) @EventLoop
struct FeedReaderTests {
  private let folder = TemporaryFolder()
  private struct Fault: Error {}

  private var settings: FeedReader.Settings {
    var settings = FeedReader.Settings()
    settings.interval = .milliseconds(5)
    settings.standby = .milliseconds(5)
    settings.firstPause = .milliseconds(1)
    settings.batch = 2
    return settings
  }

  @Test("gives what is new, in order, and commits it; what could not be done comes again")
  func reading() async throws {
    let broker = try await EmbeddedBroker.open(at: folder.path, logger: .silent)
    let seen = Arrivals<FeedEntry>()
    var faults = 2
    let reader = FeedReader(of: broker, for: .bills, holder: "a", settings, logger: .silent) { entries in
      #expect(entries.count <= 2)
      for entry in entries { seen.append(entry) }
      faults -= 1
      if faults >= 0 { throw Fault() }
    }
    reader.start()
    var ids: [JobID] = []
    for _ in 0..<5 { ids.append(try await broker.accept(.example { $0.isRecorded = true }).id) }
    let all = try await seen.values { Set($0.map(\.job.id)).count == 5 }
    await reader.stop()
    // Whatever of the first was given how often: what was committed was not given again.
    #expect(all.filter { $0.job.id == ids[0] }.count == 3)
    #expect(all.filter { $0.job.id == ids[4] }.count == 1)
    #expect(try await broker.feedStandings().map(\.behind) == [0])
    await broker.close()
  }

  @Test("lets another go on when it stops")
  func handOver() async throws {
    let broker = try await EmbeddedBroker.open(at: folder.path, logger: .silent)
    let seen = Arrivals<String>()
    let first = FeedReader(of: broker, for: .bills, holder: "a", settings, logger: .silent) { entries in
      for entry in entries { seen.append("a\(entry.job.priority.level)") }
    }
    let second = FeedReader(of: broker, for: .bills, holder: "b", settings, logger: .silent) { entries in
      for entry in entries { seen.append("b\(entry.job.priority.level)") }
    }
    first.start()
    try await broker.accept(.example(priority: .low) { $0.isRecorded = true })
    #expect(try await seen.values(atLeast: 1) == ["a1"])
    second.start()
    await first.stop()
    try await broker.accept(.example(priority: .high) { $0.isRecorded = true })
    #expect(try await seen.values(atLeast: 2) == ["a1", "b10"])
    await second.stop()
    await broker.close()
  }
}

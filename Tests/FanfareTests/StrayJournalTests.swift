import EventLoop
import Jobs
import Logging
import Support
import Testing

@testable import Fanfare

@Suite("Journals that nobody has", .timeLimit(.minutes(1))) struct StrayJournalTests {
  private let folder = TemporaryFolder()
  private var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

  private var state: StateFolder {
    var configuration = Configuration()
    configuration.broker.folder = folder.path("state")
    return StateFolder(configuration, environment: [:])
  }

  /// The way to the shared broker.
  @EventLoop private final class Line {
    var isUp = false
  }

  @Test("are taken one by one, the first that is free") @EventLoop
  func claims() async throws {
    #expect(StrayJournals.free(in: state) == state.fallback)
    let first = try await EmbeddedBroker.open(at: state.fallback(1), logger: quiet)
    #expect(StrayJournals.free(in: state) == "\(state.fallback)-2")
    let second = try await EmbeddedBroker.open(at: state.fallback(2), logger: quiet)
    #expect(StrayJournals.free(in: state) == state.fallback(3))
    await first.close()
    #expect(StrayJournals.free(in: state) == state.fallback(1))
    #expect(state.fallbacks == [state.fallback(1), state.fallback(2)])
    await second.close()
  }

  @Test("are handed over when the shared broker is there, while those that somebody has are left alone") @EventLoop
  func handOver() async throws {
    let ids = [JobID(), JobID()]
    for (number, id) in zip([2, 3], ids) {
      let journal = try await EmbeddedBroker.open(at: state.fallback(number), logger: quiet)
      _ = try await journal.enqueue(JobRequest(id: id, kind: JobKind("echo")!, user: "alice"))
      await journal.close()
    }
    let held = try await EmbeddedBroker.open(at: state.fallback(3), logger: quiet)
    let shared = try await EmbeddedBroker.open(at: folder.path("shared"), logger: quiet)
    let own = try await EmbeddedBroker.open(at: state.fallback(1), logger: quiet)
    let line = Line()
    let broker = try await FallbackBroker.open(
      shared: shared, local: own, isReachable: { line.isUp }, logger: quiet)
    let strays = StrayJournals(of: broker, in: state, every: .milliseconds(10), logger: quiet)
    // Several looks find nobody to hand over to.
    await EventLoop.pause(for: .milliseconds(50))
    #expect(try await shared.job(ids[0]) == nil)
    line.isUp = true
    while try await shared.job(ids[0]) == nil { await EventLoop.pause(for: .milliseconds(5)) }
    #expect(try await shared.job(ids[1]) == nil)
    await held.close()
    while try await shared.job(ids[1]) == nil { await EventLoop.pause(for: .milliseconds(5)) }
    strays.stop()
    await broker.close()
  }
}

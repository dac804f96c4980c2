import EventLoop
import Support
import Testing

@testable import Jobs

/// In which life of a job its events are counted.
extension BrokerContract {
  /// A job that waits, one that has ended and a group, as an archive holds them.
  private func lives(in broker: any Broker) async throws -> [ArchiveEntry] {
    let group = try await broker.create(GroupRequest(user: "alice"))
    try await broker.accept()
    try await broker.work()
    try await broker.accept(.example { $0.group = group.id })
    return try await broker.everything(limit: 10).filter { $0.epoch != nil }
  }

  @Test(
    "counts what an archive holds on in the epoch that it tells, whichever broker gave that",
    arguments: Backend.allCases,
    Backend.allCases)
  func archivedEpoch(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withUncheckedBroker { broker, _ in
      let entries = try await lives(in: broker)
      #expect(entries.count == 3)
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        for entry in entries {
          switch entry {
          case .job(let snapshot): try await goesOn(snapshot.job, in: other)
          case .group(let group, _):
            let position = try #require(try await other.group(group.id)).position
            #expect(position.epoch == group.position.epoch && position.offset >= group.position.offset)
          default: Issue.record("\(entry)")
          }
        }
        let again = try await other.everything(limit: 10).filter { $0.epoch != nil }
        #expect(Set(again.map(\.epoch)) == Set(entries.map(\.epoch)), "and so does its own archive")
      }
    }
  }

  /// The job's record and its next event are of its epoch.
  private func goesOn(_ job: Job, in broker: any Broker) async throws {
    let restored = try await broker.find(job.id)
    #expect(restored.position.epoch == job.position.epoch)
    guard !job.state.isTerminal else { return #expect(restored.position == job.position) }
    let log = await DeliveryLog()
    let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
    _ = try await broker.cancel(job.id, reason: nil)
    let end = try #require(try await log.eventsUntilEnd().last)
    #expect(end.position == StreamPosition(offset: restored.position.offset + 1, epoch: job.position.epoch))
    #expect(try await broker.find(job.id).position == end.position)
    await subscription.cancel()
  }

  @Test("counts what a backup brings back in another epoch", arguments: Backend.allCases)
  func backedUpEpoch(_ backend: Backend) async throws {
    let folder = TemporaryFolder()
    let payloads = PayloadStore(files: ArtifactStore(root: folder.path("files")))
    try await backend.withUncheckedBroker { broker, _ in
      let entries = try await lives(in: broker)
      try await BackupFile.write(broker, payloads, to: folder.path("b.backup.gz"))
      // What happens now is lost, and told to whoever watches.
      try await backend.withUncheckedBroker { other, _ in
        _ = try await BackupFile.restore(folder.path("b.backup.gz"), into: other, payloads)
        let lives = try await other.everything(limit: 10).filter { $0.epoch != nil }
        #expect(lives.count == 3)
        #expect(Set(lives.map(\.epoch)).isDisjoint(with: entries.map(\.epoch)))
        for case .job(let snapshot) in lives { try await goesOn(snapshot.job, in: other) }
      }
    }
  }
}

import EventLoop
import Jobs
import Testing

/// Limits of the time of jobs that run again.
extension BrokerContract {
  @Test("gives a job that runs again the limits that its acceptance gave it", arguments: Backend.jumping)
  func limitsAnew(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      func limits(_ id: JobID) async throws -> [Duration?] {
        let job = try await broker.find(id)
        let begin = job.dueAt ?? job.updatedAt
        return [job.startBy.map { $0 - begin }, job.endBy.map { $0 - begin }]
      }
      let early = try await broker.accept()
      try await broker.change {
        $0.defaults.startWithin = .seconds(60)
        $0.defaults.totalTimeout = .seconds(600)
      }
      let plain = try await broker.accept()
      let own = try await broker.accept(
        .example {
          $0.startWithin = .seconds(7)
          $0.start = .after(.seconds(100))
        })
      let expected: [(JobID, [Duration?])] = [
        (early.id, [nil, nil]), (plain.id, [.seconds(60), .seconds(600)]), (own.id, [.seconds(7), .seconds(600)]),
      ]
      func runAgain(_ how: (JobID) async throws -> Void) async throws {
        for (id, wanted) in expected {
          _ = try await broker.cancel(id, reason: nil)
          try await time.pass(.seconds(1000))
          try await how(id)
          #expect(try await limits(id) == wanted)
        }
      }
      try await runAgain { _ = try await broker.retry($0) }
      // Changed, taken away, and those of another queue: none of it is theirs.
      try await broker.change { $0.defaults.startWithin = .seconds(61) }
      try await runAgain { _ = try await broker.retry($0, delay: .seconds(50)) }
      try await broker.change { $0.defaults = JobDefaults() }
      try await runAgain { _ = try await broker.retry($0) }
      try await broker.change(.video) { $0.defaults.totalTimeout = .seconds(1) }
      try await runAgain { _ = try await broker.redrive($0, to: .video) }
      _ = try await broker.cancel(plain.id, reason: nil)
      _ = try await broker.retry(plain.id)
      try await time.pass(.seconds(60))
      #expect(try await broker.maintain().expired.contains(plain.id))
    }
  }

  @Test("carries the limits of a job that may run again", arguments: Backend.allCases, Backend.allCases)
  func archivedLimits(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.defaults.totalTimeout = .seconds(600) }
      let job = try await broker.accept(
        .example {
          $0.startWithin = .seconds(60)
          $0.start = .after(.seconds(100))
        })
      let entries = try await broker.everything(limit: 10)
      try await target.withUncheckedBroker { other, time in
        _ = try await other.restore(entries.filter { $0.snapshot != nil })
        let restored = try await other.find(job.id)
        #expect(restored.startBy == job.startBy && restored.endBy == job.endBy)
        _ = try await other.cancel(job.id, reason: nil)
        let now = time.now()
        let again = try await other.retry(job.id)
        let startBy = try #require(again.startBy)
        #expect(startBy >= now + .seconds(60) && startBy < now + .seconds(130), "without its delay")
        #expect(again.endBy == startBy + .seconds(540))
      }
    }
  }
}

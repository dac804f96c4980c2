import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("tells how far events have come as the record does, of what is on record", arguments: Backend.allCases)
  func positions(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let queued = try await broker.accept()
      let ended = try await broker.work()
      #expect(ended == queued.id)
      let running = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      for percent in [10.0, 20] { _ = try await broker.report(Progress(percent: percent), under: lease) }
      let waiting = try await broker.accept(.example(queue: .video))
      let group = try await broker.create(GroupRequest(user: "alice"))
      _ = try await broker.accept(.example { $0.group = group.id })

      var expected: [Channel: StreamPosition] = [:]
      for id in [ended, running.id, waiting.id] { expected[.job(id)] = try await broker.find(id).position }
      expected[.group(group.id)] = try await broker.group(group.id)?.position
      #expect(expected[.job(running.id)]?.offset == 4)
      let unknown: [Channel] = [.job(JobID()), .group(GroupID()), .user("alice")]
      #expect(try await broker.positions(of: Array(expected.keys) + unknown) == expected)
      #expect(try await broker.positions(of: []).isEmpty)
    }
  }
}

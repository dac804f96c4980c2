import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("tells the places of those that are queued, and of no other", arguments: Backend.allCases)
  func places(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let first = try await broker.accept()
      let urgent = try await broker.accept(.example(priority: .high))
      let elsewhere = try await broker.accept(.example(queue: .video))
      let last = try await broker.accept(.example(priority: .low))
      let scheduled = try await broker.accept(.example { $0.start = .after(.seconds(3600)) })
      let all = [last, first, elsewhere, urgent, scheduled].map(\.id)
      #expect(
        try await broker.places(of: all + [JobID()] + all) == [
          urgent.id: QueuePlace(queue: .mail, position: 1),
          first.id: QueuePlace(queue: .mail, position: 2),
          last.id: QueuePlace(queue: .mail, position: 3),
          elsewhere.id: QueuePlace(queue: .video, position: 1),
        ])
      _ = try await broker.next()
      #expect(
        try await broker.places(of: [urgent.id, last.id]) == [
          last.id: QueuePlace(queue: .mail, position: 2)
        ])
      #expect(try await broker.places(of: []).isEmpty)
    }
  }

  @Test("tells places in LIFO order, with ageing and in a fair queue", arguments: Backend.allCases, Ordering.allCases)
  func placesInOrder(_ backend: Backend, _ ordering: Ordering) async throws {
    try await backend.withBroker { broker in
      try await broker.change { ordering.apply(to: &$0) }
      var ids: [JobID] = []
      for number in 0..<12 {
        let user = number < 8 ? "alice" : "bob"
        let priority = Priority(number.isMultiple(of: 5) ? 6 : 5)!
        ids.append(try await broker.accept(.example(user: user, priority: priority)).id)
      }
      let places = try await broker.places(of: ids)
      let line = ids.sorted { places[$0]?.position ?? 0 < places[$1]?.position ?? 0 }
      #expect(try await broker.takeAll() == line)
    }
  }
}

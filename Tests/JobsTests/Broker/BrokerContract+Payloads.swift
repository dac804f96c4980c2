import EventLoop
import Jobs
import Support
import Testing

/// A broker keeps the reference of a payload that lies in the store as it keeps a text: to the byte, and without
/// a look at it.
extension BrokerContract {
  private func reference(_ change: (inout StoredPayload) -> Void = { _ in }) -> JobPayload {
    var payload = StoredPayload(
      job: JobID(), size: 100_000, digest: String(repeating: "0123456789abcdef", count: 4))
    change(&payload)
    return .stored(payload)
  }

  @Test("gives a payload's reference to readers and to each attempt", arguments: Backend.allCases)
  func referenceOfAJob(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let payload = reference()
      let request = JobRequest.example(key: "k") { $0.payload = payload }
      #expect(try await broker.accept(request).payload == payload)
      #expect(try await broker.find(request.id).payload == payload)
      let first = try #require(try await broker.next())
      #expect(first.payload == payload)
      try await broker.end(first.lease, .fail(.example, retry: .after(.zero)))
      let second = try #require(try await broker.next())
      #expect(second.payload == payload && second.attempt == 2)
      try await broker.end(second.lease, .complete(nil))
      #expect(try await broker.find(request.id).payload == payload)
      #expect(try await broker.retry(request.id).payload == payload)
      #expect(try await broker.next()?.payload == payload)
    }
  }

  @Test("tells a repeat by what was submitted, wherever its payload lies", arguments: Backend.allCases)
  func repeatedReference(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let text = JSONText.filler(20_000)
      let first = JobRequest.example(payload: text, key: "k")
      try await broker.accept(first)
      func moved(_ text: JSONText) -> JobRequest {
        .example(key: "k") {
          $0.payload = .stored(
            StoredPayload(job: $0.id, size: text.bytes.count, digest: JobPayload.inline(text).digest))
        }
      }
      let again = try await broker.enqueue(moved(text))
      #expect(again.match == .idempotencyKey && again.job.id == first.id)
      await #expect(throws: BrokerError.idempotencyKeyReused) {
        try await broker.enqueue(moved(.filler(20_001)))
      }
    }
  }

  @Test("submits the reference of a callback at its group's end", arguments: Backend.allCases)
  func referenceOfACallback(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let group = GroupID()
      let payload = reference { $0.group = group }
      let callback = JobRequest.example { $0.payload = payload }
      _ = try await broker.create(GroupRequest(id: group, user: "alice", callback: callback))
      _ = try await broker.close(group)
      #expect(try await broker.find(callback.id).payload == payload)
      #expect(try await broker.next()?.payload == payload)
    }
  }

  @Test(
    "carries references into another broker", arguments: Backend.allCases, Backend.allCases)
  func archivedReferences(_ backend: Backend, _ target: Backend) async throws {
    try await backend.withBroker { broker in
      let group = GroupID()
      let callback = JobRequest.example { $0.payload = reference { $0.group = group } }
      _ = try await broker.create(GroupRequest(id: group, user: "alice", callback: callback))
      let ended = try await broker.accept(.example { $0.payload = reference() })
      try await broker.end(try #require(try await broker.next()).lease, .complete(nil))
      let waiting = try await broker.accept(.example { $0.payload = reference() })
      let entries = try await broker.everything(limit: 10)
      try await target.withUncheckedBroker { other, _ in
        _ = try await other.restore(entries)
        for job in [ended, waiting] {
          #expect(try await other.find(job.id).payload == job.payload)
        }
        #expect(try await other.next()?.payload == waiting.payload)
        _ = try await other.close(group)
        #expect(try await other.find(callback.id).payload == callback.payload)
      }
    }
  }
}

import EventLoop
import Gateway
import Jobs
import Testing

/// Whom a bulk action reaches, and what it says that it did.
@Suite("What is done to many jobs") struct BulkVerbTests {
  @Test("nobody but an operator reaches another's jobs, and nobody's own in their place")
  func others() async throws {
    try await SessionHarness.runUnlimited { harness in
      let own = try await harness.enqueue()
      let foreign = try await harness.enqueue(by: "bob")
      func cancel(_ user: String, scopes: Permissions? = nil) async throws -> FakeAnswer {
        let body = #"{"action":"cancel","filter":{"user":"\#(user)","state":"queued"}}"#
        return try await harness.ask(.post, "/v1/jobs/bulk", body, scopes: scopes)
      }
      for other in ["bob", "*"] {
        let refused = try await cancel(other)
        #expect(refused.status == 403 && refused.code == "permission-denied")
        #expect(refused["errors"]?.array?.map { $0["pointer"]?.string } == ["/filter/user"])
      }
      let reply = try await harness.call("job.bulk", #"{"action":"cancel","filter":{"user":"bob"}}"#)
      #expect(reply["error"]?["code"]?.int == 403)
      for id in [own.id, foreign.id] { #expect(try await harness.broker.job(id)?.state == .queued) }
      let done = try await cancel("bob", scopes: [.admin])
      #expect(done["done"]?.array?.map(\.string) == [foreign.id.description])
      #expect(try await cancel("alice")["done"]?.array?.map(\.string) == [own.id.description])
    }
  }

  @Test("only what it changed is told as done")
  func unchanged() async throws {
    try await SessionHarness.runUnlimited { harness in
      let ended = try await harness.enqueue()
      _ = try await harness.broker.settle(try await harness.lease().lease, .complete(nil))
      let stopping = try await harness.enqueue()
      _ = try await harness.lease()
      _ = try await harness.broker.cancel(stopping.id, reason: nil)
      let urgent = try await harness.enqueue()
      _ = try await harness.broker.reprioritise(urgent.id, to: Priority(9)!)
      func bulk(_ action: String) async throws -> (done: [String?]?, skipped: [String: String]) {
        let answer = try await harness.ask(.post, "/v1/jobs/bulk", #"{"filter":{},"action":\#(action)}"#)
        var skipped: [String: String] = [:]
        for one in answer["skipped"]?.array ?? [] {
          skipped[one["id"]?.string ?? ""] = "\(one["code"]?.string ?? "") \(one["detail"]?.string ?? "")"
        }
        return (answer["done"]?.array?.map(\.string), skipped)
      }
      let (moved, settled) = try await bulk(#""reprioritise","priority":9"#)
      #expect(moved == [stopping.id.description])
      #expect(
        settled == [
          ended.id.description: "conflict The job is completed.",
          urgent.id.description: "unchanged The job's priority is 9.",
        ])
      let (cancelled, left) = try await bulk(#""cancel""#)
      #expect(cancelled == [urgent.id.description])
      #expect(
        left == [
          ended.id.description: "conflict The job is completed.",
          stopping.id.description: "unchanged The job is being cancelled.",
        ])
      #expect(try await bulk(#""cancel","force":true"#).done == [stopping.id.description], "it is killed now")
    }
  }
}

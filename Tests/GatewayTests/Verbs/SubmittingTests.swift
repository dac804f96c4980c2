import EventLoop
import Gateway
import Jobs
import Testing

@Suite("Submitting") struct SubmittingTests {
  @Test("nobody asks for a more urgent priority than is allowed")
  func maxPriority() async throws {
    try await SessionHarness.runUnlimited(settings: { $0.maxPriority = 4 }) { harness in
      func submit(_ priority: Int?, limit: Int? = nil, scopes: Permissions? = nil) async throws -> FakeAnswer {
        let member = priority.map { #","priority":\#($0)"# } ?? ""
        return try await harness.ask(
          .post, "/v1/jobs", #"{"kind":"echo"\#(member)}"#, scopes: scopes, maxPriority: limit)
      }
      #expect(try await submit(4)["job"]?["priority"]?.int == 4)
      let refused = try await submit(5)
      #expect(refused.status == 403 && refused.code == "permission-denied")
      #expect(refused["detail"]?.string == "A priority of at most 4 may be asked for, not 5.")
      let unasked = try await submit(nil)
      #expect(unasked["job"]?["priority"]?.int == 4, "what nobody asked for is lowered")
      #expect(try await submit(8, limit: 8)["job"]?["priority"]?.int == 8)
      #expect(try await submit(9, limit: 8).status == 403)
      #expect(try await submit(nil, limit: 8)["job"]?["priority"]?.int == 5)
      #expect(try await submit(10, scopes: [.admin])["job"]?["priority"]?.int == 10)

      let id = try #require(unasked["job"]?["id"]?.string)
      #expect(try await harness.ask(.post, "/v1/jobs/\(id)/reprioritise", #"{"priority":5}"#).status == 403)
      let bulk = #"{"action":"reprioritise","priority":5,"filter":{}}"#
      #expect(try await harness.ask(.post, "/v1/jobs/bulk", bulk).status == 403)
      #expect(try await harness.ask(.post, "/v1/jobs/\(id)/reprioritise", #"{"priority":1}"#)["priority"]?.int == 1)
      let callback = #"{"name":"g","callback":{"kind":"echo","priority":5}}"#
      #expect(try await harness.ask(.post, "/v1/groups", callback).status == 403)
      let members = #"{"jobs":[{"kind":"echo","priority":5},{"kind":"echo","priority":2}]}"#
      #expect(try await harness.ask(.post, "/v1/groups", members)["refused"]?.int == 1)
    }
  }

  @Test("submissions with one key at the same time are one job, and each is answered with it")
  func keyInFlight() async throws {
    try await SessionHarness.runUnlimited { harness in
      let answers = try await Self.answersAtOnce(harness)
      Self.check(answers)
      #expect(try await harness.ask(.get, "/v1/jobs")["jobs"]?.array?.count == 1)
    }
  }

  /// What twenty submissions under one key are answered, of which one asks for something else.
  @EventLoop private static func answersAtOnce(_ harness: SessionHarness) async throws -> [FakeAnswer] {
    var asked: [Task<FakeAnswer, any Error>] = []
    for number in 0..<20 {
      let body = number == 10 ? #"{"kind":"other"}"# : #"{"kind":"echo"}"#
      asked.append(
        Task { @EventLoop in
          try await harness.ask(.post, "/v1/jobs", body, headers: ["idempotency-key": "k"])
        })
    }
    var answers: [FakeAnswer] = []
    for task in asked { answers.append(try await task.value) }
    return answers
  }

  private static func check(_ answers: [FakeAnswer]) {
    let accepted = answers.filter { $0.status == 202 }
    let refused = answers.filter { $0.status != 202 }
    #expect(Set(accepted.compactMap { $0["job"]?["id"]?.string }).count == 1)
    #expect(accepted.count { $0["match"] == nil } == 1, "one made it")
    #expect(accepted.count { $0.headers["idempotency-replayed"] == "true" } == accepted.count - 1)
    #expect(refused.allSatisfy { $0.status == 422 && $0.code == "idempotency-key-reused" })
    #expect([1, 19].contains(refused.count), "whoever was first made the key its own")
  }
}

import Gateway
import Jobs
import Testing

@Suite("A submission") struct JobSubmissionTests {
  private func read(_ text: String) throws -> JobSubmission {
    try JobSubmission(
      reading: JSONDocument(bytes: Array(text.utf8)).root, settings: GatewaySettings())
  }

  @Test("needs only a kind")
  func kind() throws {
    let submission = try read(#"{"kind":"ffmpeg"}"#)
    #expect(submission.kind.description == "ffmpeg")
    #expect(submission.queue == .default)
    #expect(submission.priority == .normal)
    #expect(submission.payload == .emptyObject)
  }

  @Test("hands its payload on byte by byte")
  func payload() throws {
    let submission = try read(#"{"kind":"a","payload":{"n": 1.0e400, "s":"\u00e9",  "x":[ ]}}"#)
    #expect(submission.payload.description == #"{"n": 1.0e400, "s":"\u00e9",  "x":[ ]}"#)
  }

  @Test("tells all its faults at once, each with its place")
  func faults() throws {
    let problem = #expect(throws: Problem.self) {
      try read(#"{"queue":"a b","priority":11,"max_attempts":0,"timeout":-1,"watch":1,"prioritty":1}"#)
    }
    #expect(
      Set(problem?.faults.map(\.pointer) ?? []) == [
        "/kind", "/queue", "/priority", "/max_attempts", "/timeout", "/watch", "/prioritty",
      ])
    #expect(problem?.status == 400)
  }

  @Test("says when the job is to begin, how it is tried again, and how long it may take")
  func time() throws {
    let submission = try read(
      #"""
      {"kind":"a","order":"lifo","delay":1.5,"max_attempts":7,"timeout":60,"start_within":10,
       "total_timeout":0.25,"retry":{"growth":"fixed","base":900,"jitter":0},"unique_key":"one"}
      """#)
    let request = submission.request(by: "alice")
    #expect(request.order == .lifo)
    #expect(request.start == .after(.milliseconds(1500)))
    #expect(request.maxAttempts == 7)
    #expect(request.timeout == .seconds(60))
    #expect(request.startWithin == .seconds(10))
    #expect(request.totalTimeout == .milliseconds(250))
    // The standard's cap of ten minutes would have cut what was asked for.
    #expect(
      request.retry
        == RetryPolicy(growth: .fixed, base: .seconds(900), cap: .seconds(900), jitter: 0))
    #expect(request.uniqueKey == "one")
    #expect(try read(#"{"kind":"a","at":1700000000000}"#).start == .at(Timestamp(milliseconds: 1_700_000_000_000)))
  }

  @Test("leaves to its queue what it does not say")
  func defaults() throws {
    let request = try read(#"{"kind":"a"}"#).request(by: "alice")
    #expect(request == JobRequest(id: request.id, kind: JobKind("a")!, user: "alice"))
    #expect(request.maxAttempts == nil)
  }

  @Test("ties the job to others")
  func ties() throws {
    let (parent, group) = (JobID(), GroupID())
    let request = try read(
      #"{"kind":"a","depends_on":["\#(parent)"],"when_parent_fails":"run","group":"\#(group)","weight":3}"#
    ).request(by: "alice")
    #expect(request.dependencies == JobDependencies(parents: [parent], whenOneFails: .run))
    #expect(request.group == group)
    #expect(request.weight == 3)
  }

  @Test("tells the faults of new members with their places")
  func newFaults() throws {
    let problem = #expect(throws: Problem.self) {
      try read(
        #"""
        {"kind":"a","order":"random","delay":1,"at":2,"retry":{"growth":"fast","base":-1,"bas":1},
         "start_within":0,"total_timeout":"x","unique_key":"","depends_on":["x"],"weight":2,
         "group":"g","reuse":true}
        """#)
    }
    #expect(
      problem?.faults.map(\.pointer).sorted() == [
        "/at", "/depends_on", "/group", "/order", "/retry/bas", "/retry/base", "/retry/growth",
        "/reuse", "/start_within", "/total_timeout", "/unique_key",
      ])
  }

  @Test("refuses members that say something only together with others that are missing")
  func lonely() throws {
    let problem = #expect(throws: Problem.self) {
      try read(#"{"kind":"a","when_parent_fails":"run","weight":2}"#)
    }
    #expect(problem?.faults.map(\.pointer) == ["/when_parent_fails", "/weight"])
  }

  @Test("is refused where it is no object", arguments: ["[]", "1", "null", "\"a\""])
  func shape(text: String) { #expect(throws: Problem.self) { try read(text) } }

  @Test("is refused with 413 where its payload is over the limit")
  func large() {
    let text = #"{"kind":"a","payload":""# + String(repeating: "x", count: 300_000) + "\"}"
    let problem = #expect(throws: Problem.self) { try read(text) }
    #expect(problem?.status == 413)
  }
}

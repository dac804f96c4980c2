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

  @Test("is refused where it is no object", arguments: ["[]", "1", "null", "\"a\""])
  func shape(text: String) { #expect(throws: Problem.self) { try read(text) } }

  @Test("is refused with 413 where its payload is over the limit")
  func large() {
    let text = #"{"kind":"a","payload":""# + String(repeating: "x", count: 300_000) + "\"}"
    let problem = #expect(throws: Problem.self) { try read(text) }
    #expect(problem?.status == 413)
  }
}

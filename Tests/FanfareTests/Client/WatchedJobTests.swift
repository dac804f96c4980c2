import Jobs
import Testing

@testable import Fanfare

@Suite("A watched job") struct WatchedJobTests {
  private func value(_ text: String) throws -> JSONValue {
    try JSONDocument(bytes: Array(text.utf8)).root
  }

  @Test("grows by each event, and passes over what it knows already")
  func merge() throws {
    var job = WatchedJob(id: "j")
    job.merge(try value(#"{"id":"j","state":"queued","position":2,"offset":1,"epoch":"e"}"#))
    #expect(job.place == 2)
    job.merge(
      try value(#"{"event":"state","state":"running","attempt":1,"stalled":true}"#), offset: 2)
    #expect(job.place == nil)
    #expect(job.isStalled)
    job.merge(
      try value(
        #"{"event":"progress","percent":40.5,"stage":"encoding","details":{"speed":1.5,"eta_seconds":12}}"#
      ),
      offset: 3)
    #expect(job.percent == 40.5)
    #expect(job.speed == 1.5)
    #expect(job.remaining == .seconds(12))
    #expect(job.isStalled)
    #expect(job.merge(try value(#"{"event":"state","state":"queued"}"#), offset: 2) == false)
    #expect(job.state == .running)
    #expect(job.position == StreamPosition(offset: 3, epoch: "e"))
  }

  @Test("begins its progress anew with a new attempt")
  func newAttempt() throws {
    var job = WatchedJob(id: "j")
    job.merge(try value(#"{"state":"running","attempt":1,"percent":80,"offset":5,"epoch":"e"}"#))
    job.merge(
      try value(#"{"event":"state","state":"queued","attempt":1,"reason":"lost"}"#), offset: 6)
    #expect(job.percent == nil)
    job.merge(try value(#"{"event":"state","state":"running","attempt":2}"#), offset: 7)
    #expect(job.attempt == 2)
    #expect(job.percent == nil)
  }

  @Test("names its artifacts when it is completed")
  func artifacts() throws {
    var job = WatchedJob(id: "j")
    job.merge(
      try value(
        #"{"state":"completed","result":{"artifacts":[{"name":"a","url":"/v1/artifacts/j/a"}]}}"#))
    #expect(job.artifacts == ["/v1/artifacts/j/a"])
    #expect(job.percent == 100)
  }

  @Test("is asked for with what stands on the command line laid over the payload")
  func request() throws {
    let request = SubmitRequest(
      kind: "ffmpeg", payload: try JSONText(validating: #"{"input":"x","keep":1}"#),
      input: "upload:upl_1", output: "o.mp4", arguments: ["-vf", "scale=640:-2"], priority: 7,
      timeout: .seconds(90), idempotencyKey: "k")
    #expect(
      try request.parameters().description
        == #"{"kind":"ffmpeg","payload":{"input":"upload:upl_1","output":"o.mp4","arguments":["-vf","scale=640:-2"],"keep":1},"priority":7,"timeout":90.0,"idempotency_key":"k"}"#
    )
    let bad = SubmitRequest(
      kind: "x", payload: try JSONText(validating: "[1]"), output: "o", idempotencyKey: "k")
    #expect(throws: CommandFailure.self) { try bad.parameters() }
  }

  @Test("is sent a file under a name that a query can hold")
  func names() {
    #expect(FileUpload.queryEncoded("a b&ü.mp4") == "a%20b%26%C3%BC.mp4")
    #expect(FileUpload.contentType(of: "a.MP4") == "video/mp4")
  }

  @Test("takes its place in the queue without a number, and only while it waits")
  func place() throws {
    var job = WatchedJob(id: "j")
    job.merge(try read(#"{"state":"queued","position":3,"offset":1,"epoch":"e"}"#))
    let event = #"{"event":"position","id":"j","position":2,"estimate":{"least":10,"most":60.5}}"#
    #expect(job.merge(try read(event)) == true)
    #expect(job.place == 2)
    #expect(job.estimate == WaitEstimate(least: .seconds(10), most: .milliseconds(60_500)))
    #expect(job.position?.offset == 1)
    job.merge(try read(#"{"event":"state","state":"running","offset":2,"epoch":"e"}"#))
    #expect(job.merge(try read(event)) == false)
    #expect(job.place == nil)
    #expect(job.estimate == nil)
  }

  private func read(_ text: String) throws -> JSONValue {
    try JSONDocument(bytes: Array(text.utf8)).root
  }
}

import Gateway
import Jobs
import Testing

@Suite("Queue settings as JSON") struct QueueSettingsJSONTests {
  private func patch(_ text: String, _ settings: QueueSettings = QueueSettings()) throws
    -> QueueSettings
  { try settings.patched(with: try json(text)) }

  @Test("are read as they are written")
  func roundTrip() throws {
    let text =
      #"{"type":"RENDER","description":"Films","concurrency":5,"user_window":2,"max_waiting":1000,"#
      + #""order":"lifo","ageing":60,"fair":true,"defaults":{"max_attempts":4,"#
      + #""retry":{"growth":"fixed","base":2,"cap":2.5,"jitter":0.5},"timeout":600,"#
      + #""start_within":30,"total_timeout":3600},"retention":{"completed":{"age":60,"count":10},"#
      + #""failed":{"age":3600,"count":50},"cancelled":{"age":0}}}"#
    let settings = try patch(text)
    var writer = JSONWriter()
    writer.object { settings.write(into: &$0) }
    #expect(writer.text.description == text)
    #expect(settings.completed == RetentionRule(age: .seconds(60), count: 10))
  }

  @Test("are merged: what a change does not name stays, null brings back the default")
  func merge() throws {
    let before = try patch(
      #"{"concurrency":5,"order":"lifo","defaults":{"timeout":60,"max_attempts":9},"retention":{"failed":{"age":5,"count":3}}}"#
    )
    let after = try patch(
      #"{"concurrency":null,"defaults":{"timeout":null},"retention":{"failed":{"count":null},"completed":null}}"#,
      before)
    #expect(after.concurrency == nil)
    #expect(after.order == .lifo)
    #expect(after.defaults.timeout == nil)
    #expect(after.defaults.maxAttempts == 9)
    #expect(after.failed == RetentionRule(age: .seconds(5)))
    #expect(try patch("{}", before) == before)
    #expect(
      try patch(#"{"defaults":null,"retention":null,"order":null,"concurrency":null}"#, before) == QueueSettings())
  }

  @Test("tell all their faults, each with its place")
  func faults() throws {
    let problem = #expect(throws: Problem.self) {
      try patch(
        #"{"concurrency":0,"order":"x","colour":1,"defaults":{"retry":{"cap":-1}},"retention":{"failed":{"keep":1},"lost":{}}}"#
      )
    }
    #expect(
      problem?.faults.map(\.pointer).sorted() == [
        "/colour", "/concurrency", "/defaults/retry/cap", "/order", "/retention/failed/keep",
        "/retention/lost",
      ])
  }
}

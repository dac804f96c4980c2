import Jobs
import Testing

@testable import Fanfare

@Suite("A job of another system") struct ForeignJobTests {
  private func rq(_ fields: [String: String], _ rules: ImportRules = ImportRules()) throws -> ForeignJob {
    try RQJob(fields.mapValues { Array($0.utf8) }).job(rules)
  }

  private func bull(
    _ fields: [String: String], in queue: String = "mail", _ rules: ImportRules = ImportRules()
  ) throws -> ForeignJob {
    try BullJob(fields.mapValues { Array($0.utf8) }).job(in: queue, rules)
  }

  @Test("of RQ is its function and its arguments; those of old were not packed")
  func call() throws {
    let job = try rq([
      "data": #"["app.tasks.render", null, [1, "a"], {"fast": true}]"#, "timeout": "90", "ttl": "30",
      "retries_left": "3", "retry_intervals": "[10, 30, 60]",
    ])
    #expect(job.kind == JobKind("render"))
    #expect(job.payload.description == #"{"args":[1,"a"],"kwargs":{"fast":true}}"#)
    #expect(job.timeout == .seconds(90) && job.startWithin == .seconds(30) && job.maxAttempts == 4)
    #expect(job.retry == RetryPolicy(growth: .exponential, base: .seconds(10), cap: .seconds(60), jitter: 0))
    #expect(try rq(["data": #"["f", null, [], {}]"#, "timeout": "-1"]).timeout == nil)
    #expect(try rq(["data": #"["f", null, [], {}]"#]).maxAttempts == 1)
  }

  @Test("of RQ gets the names of its arguments by a rule")
  func names() throws {
    var rules = ImportRules()
    rules.kinds = [KindRule("app.tasks.render(input,output)=ffmpeg")!]
    let job = try rq(["data": #"["app.tasks.render", null, ["a"], {"fast": true}]"#], rules)
    #expect(job.kind == JobKind("ffmpeg") && job.payload.description == #"{"input":"a","fast":true}"#)
    #expect(throws: ForeignJobFault("it has 3 arguments, and --map names 2")) {
      try rq(
        ["data": #"["render", null, [1,2,3], {}]"#, "x": ""],
        {
          var r = rules; r.kinds[0].name = "render"; return r
        }())
    }
  }

  @Test("of RQ stays where we would lose something of it")
  func losses() throws {
    let data = #"["f", null, [], {}]"#
    #expect(throws: ForeignJobFault("at its end it calls app.done: move it with --drop-callbacks")) {
      try rq(["data": data, "success_callback_name": "app.done"])
    }
    var rules = ImportRules()
    rules.dropsCallbacks = true
    #expect(try rq(["data": data, "success_callback_name": "app.done"], rules).kind == JobKind("f"))
    #expect(throws: ForeignJobFault("it repeats itself: make it a schedule (fanfare schedules)")) {
      try rq(["data": data, "repeats_left": "2"])
    }
    #expect(throws: ForeignJobFault("it is bound to a rate limit of RQ's")) {
      try rq(["data": data, "rate_limit_key": "k"])
    }
    #expect(throws: ForeignJobFault("it is a method of an object")) { try rq(["data": #"["f", {"a":1}, [], {}]"#]) }
    #expect(throws: ForeignJobFault("its record has no data")) { try rq(["status": "queued"]) }
    #expect(throws: ForeignJobFault.self) { try rq(["data": "x"]) }
    #expect(throws: ForeignJobFault("\"a.b c\" is no name of a kind: give it one with --map")) {
      try rq(["data": #"["a.b c", null, [], {}]"#])
    }
  }

  @Test(
    "of Bull has its urgency on our scale",
    arguments: [
      (#"{"priority":1}"#, 10), (#"{"priority":7}"#, 4), (#"{"priority":99}"#, 1), (#"{"priority":0}"#, 10), ("{}", 5),
    ])
  func urgency(options: String, level: Int) throws {
    #expect(try bull(["name": "a", "data": "{}", "opts": options]).priority.level == level)
  }

  @Test("of Bull has its attempts, its back-off and its time")
  func options() throws {
    let job = try bull([
      "name": "download", "data": #"{"a": 1}"#, "attemptsMade": "1",
      "opts": #"{"attempts":3,"backoff":{"type":"exponential","delay":2000},"timeout":500}"#,
    ])
    #expect(job.kind == JobKind("download") && job.payload.description == #"{"a": 1}"# && job.maxAttempts == 2)
    #expect(job.retry == RetryPolicy(growth: .exponential, base: .seconds(2), cap: .seconds(604_800), jitter: 0))
    #expect(job.timeout == .milliseconds(500))
    #expect(try bull(["name": "a", "opts": #"{"backoff":50}"#]).retry?.growth == .fixed)
    #expect(try bull(["name": "a", "opts": #"{"backoff":{"type":"mine","delay":5}}"#]).retry == nil)
    #expect(try bull(["name": "a", "data": "[1,2]"]).payload.description == #"{"data":[1,2]}"#)
    #expect(try bull(["name": "a", "data": "null"]).payload == .emptyObject)
  }

  @Test("of ClipForge's queues is of the queue's kind, of others of its own name")
  func kinds() throws {
    #expect(try bull(["name": "download"], in: "ingest").kind == JobKind("ingest"))
    #expect(try bull(["name": "__default__"], in: "mail").kind == JobKind("mail"))
    var rules = ImportRules()
    rules.kinds = [KindRule("download=fetch")!]
    #expect(try bull(["name": "download"], in: "ingest", rules).kind == JobKind("fetch"))
  }

  @Test("of Bull stays where it belongs to something larger")
  func flows() throws {
    #expect(throws: ForeignJobFault("another job waits for it: a flow")) {
      try bull(["name": "a", "parentKey": "bull:x:1"])
    }
    #expect(throws: ForeignJobFault("it recurs: make it a schedule (fanfare schedules)")) {
      try bull(["name": "a", "rjk": "k"])
    }
    #expect(throws: ForeignJobFault("it recurs: make it a schedule (fanfare schedules)")) {
      try bull(["name": "a", "opts": #"{"repeat":{"every":5}}"#])
    }
    #expect(throws: ForeignJobFault.self) { try bull(["name": "a", "opts": "{"]) }
  }
}

import EventLoop
import Gateway
import Jobs
import Testing

/// The verbs on schedules as HTTP and sockets have them, on a real broker.
@Suite("What is done to schedules") struct ScheduleVerbTests {
  @EventLoop
  private func run(_ body: @EventLoop (SessionHarness) async throws -> Void) async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 10_000 }, body)
  }

  private let nightly = #"""
    {"cron":"0 3 * * *","time_zone":"Europe/Berlin","queue":"reports","kind":"report","payload":{"n":1},
     "priority":7,"max_attempts":2,"timeout":60,"unique_key":"nightly","retry":{"growth":"fixed","base":5}}
    """#

  @Test("a schedule is made, looked at, changed and removed")
  func life() async throws {
    try await run { harness in
      let made = try await harness.admin(.put, "/v1/schedules/nightly", nightly)
      #expect(made.status == 201)
      #expect(made.headers["location"] == "/v1/schedules/nightly")
      let expected: [(String, String)] = [
        ("name", #""nightly""#), ("cron", #""0 3 * * *""#), ("time_zone", #""Europe/Berlin""#),
        ("enabled", "true"), ("user", #""root""#), ("queue", #""reports""#), ("kind", #""report""#),
        ("priority", "7"), ("max_attempts", "2"), ("timeout", "60"), ("unique_key", #""nightly""#),
        ("payload", #"{"n":1}"#),
      ]
      for (name, text) in expected { #expect(made[name]?.text.description == text, "\(name)") }
      let next = try #require(made["next_at"]?.int)
      #expect(
        Timestamp(milliseconds: Int64(next))
          == Schedule(
            name: ScheduleName("a")!, cron: try CronExpression("0 3 * * *"), timeZone: "Europe/Berlin",
            request: JobRequest(kind: JobKind("a")!, user: "a")
          ).next(after: .now))
      #expect(try await harness.admin(.get, "/v1/schedules/nightly").body.text == made.body.text)
      let list = try await harness.admin(.get, "/v1/schedules")["schedules"]?.array
      #expect(list?.map { $0["name"]?.string } == ["nightly"])
      #expect(list?.first?["payload"] == nil, "a list holds no payloads")

      let changed = try await harness.admin(
        .put, "/v1/schedules/nightly", #"{"cron":"@hourly","kind":"report","user":"bob","enabled":false}"#)
      #expect(changed.status == 200)
      #expect(changed["next_at"] == nil)
      #expect(changed["user"]?.string == "bob")
      #expect(changed["queue"]?.string == "default")
      #expect(changed["time_zone"]?.string == "UTC")
      let enabled = try await harness.admin(.post, "/v1/schedules/nightly/enable")
      #expect(enabled["next_at"]?.int != nil)
      let disabled = try await harness.admin(.post, "/v1/schedules/nightly/disable")
      #expect(disabled["enabled"]?.bool == false)
      #expect(try await harness.admin(.delete, "/v1/schedules/nightly").status == 204)
      for call in [
        try await harness.admin(.get, "/v1/schedules/nightly"),
        try await harness.admin(.delete, "/v1/schedules/nightly"),
        try await harness.admin(.post, "/v1/schedules/nightly/run"),
      ] {
        #expect(call.status == 404)
        #expect(call.code == "schedule-not-found")
      }
    }
  }

  @Test("is run out of turn, its next moment unchanged")
  func outOfTurn() async throws {
    try await run { harness in
      let made = try await harness.admin(.put, "/v1/schedules/nightly", nightly)
      let first = try await harness.admin(.post, "/v1/schedules/nightly/run")
      #expect(first.status == 202)
      let job = try #require(first["job"]?["id"]?.string)
      #expect(first.headers["location"] == "/v1/jobs/\(job)")
      #expect(first["job"]?["queue"]?.string == "reports")
      #expect(first["job"]?["user"]?.string == "root")
      let again = try await harness.admin(.post, "/v1/schedules/nightly/run")
      #expect(again["job"]?["id"]?.string == job, "its unique key is taken")
      #expect(again["match"]?.string == "unique_key")
      let after = try await harness.admin(.get, "/v1/schedules/nightly")
      #expect(after["next_at"]?.int == made["next_at"]?.int)
      #expect(after["last_job"] == nil)
      let payload = try await harness.admin(.get, "/v1/jobs/\(job)")["payload"]
      #expect(payload?.text.description == #"{"n":1}"#)
    }
  }

  @Test("all faults are told at once, each where it stands")
  func faults() async throws {
    try await run { harness in
      let answer = try await harness.admin(
        .put, "/v1/schedules/a",
        #"{"cron":"0 25 * * *","time_zone":"Berlin/Europe","priority":11,"delay":5,"group":"x","watch":true,"colour":1}"#
      )
      #expect(answer.status == 400)
      let faults = answer["errors"]?.array ?? []
      #expect(
        Set(faults.compactMap { $0["pointer"]?.string })
          == ["/cron", "/time_zone", "/priority", "/delay", "/group", "/watch", "/kind", "/colour"])
      let cron = faults.first { $0["pointer"]?.string == "/cron" }
      #expect(cron?["detail"]?.string?.contains("for the hour") == true)
      let never = try await harness.admin(
        .put, "/v1/schedules/a", #"{"cron":"0 0 30 2 *","kind":"report"}"#)
      #expect(never["errors"]?.array?.map { $0["pointer"]?.string } == ["/cron"])
      #expect(try await harness.admin(.put, "/v1/schedules/a%20b", nightly).status == 400)
      let large = String(repeating: "x", count: 300 << 10)
      let refused = try await harness.admin(
        .put, "/v1/schedules/a", #"{"cron":"@daily","kind":"report","payload":"\#(large)"}"#)
      #expect(refused.status == 413)
      let fits = try await harness.admin(
        .put, "/v1/schedules/a",
        #"{"cron":"@daily","kind":"report","payload":"\#(large.prefix(250 << 10))"}"#)
      #expect(fits.status == 201)
    }
  }

  @Test("is for operators alone, over sockets too")
  func permission() async throws {
    try await run { harness in
      for (method, path) in [
        (Request.Method.get, "/v1/schedules"), (.put, "/v1/schedules/a"), (.get, "/v1/schedules/a"),
        (.delete, "/v1/schedules/a"), (.post, "/v1/schedules/a/run"), (.post, "/v1/schedules/a/enable"),
      ] {
        let answer = try await harness.ask(method, path, method == .put ? nightly : "")
        #expect(answer.status == 403, "\(path)")
      }
      let made = try await harness.call(
        "schedule.set", #"{"name":"a","cron":"@daily","kind":"report"}"#, by: "root", scopes: [.admin])
      #expect(made["rpc"]?["data"]?["schedule"]?["name"]?.string == "a")
      let run = try await harness.call("schedule.run", #"{"name":"a"}"#, by: "root", scopes: [.admin])
      #expect(run["rpc"]?["data"]?["job"]?["kind"]?.string == "report")
      let unnamed = try await harness.call("schedule.set", #"{}"#, by: "root", scopes: [.admin])
      #expect(unnamed["error"]?["message"]?.string?.contains("/name: is missing") == true)
    }
  }
}

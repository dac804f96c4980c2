import EventLoop
import Gateway
import Jobs
import Testing

/// The verbs on jobs as HTTP and sockets have them, on a real broker.
@Suite("What is done to jobs") struct JobVerbTests {
  @EventLoop
  private func submit(
    _ harness: SessionHarness, _ members: String = "", by user: String = "alice"
  ) async throws -> String {
    let answer = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"\#(members)}"#, by: user)
    #expect(answer.status == 202)
    return try #require(answer["job"]?["id"]?.string)
  }

  @Test("a submission tells the limits of the job's time")
  func times() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(
        harness, #","delay":60,"start_within":10,"total_timeout":100,"max_attempts":2"#)
      let answer = try await harness.ask(.get, "/v1/jobs/\(job)")
      let created = try #require(answer["created_at"]?.int)
      #expect(answer["state"]?.string == "scheduled")
      #expect(answer["due_at"]?.int == created + 60_000)
      #expect(answer["start_by"]?.int == created + 70_000)
      #expect(answer["end_by"]?.int == created + 160_000)
      #expect(answer["max_attempts"]?.int == 2)
    }
  }

  @Test("a submission that only this machine keeps says so, over HTTP and over a socket")
  func durability() async throws {
    try await SessionHarness.run(isCutOff: true) { harness in
      let answer = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#)
      #expect(answer.status == 202)
      #expect(answer["durability"]?.string == "local")
      let (session, connection) = try await harness.connect()
      session.tell(#"{"id":2,"rpc":{"method":"job.submit","data":{"kind":"echo"}}}"#)
      let reply = try #require(await connection.frames(2).last)
      #expect(reply.contains(#""durability":"local""#))
    }
    try await SessionHarness.runUnlimited { harness in
      let answer = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#)
      #expect(answer["durability"] == nil)
    }
  }

  @Test("a repeat says by what an earlier job was found")
  func match() async throws {
    try await SessionHarness.runUnlimited(settings: { $0.reusableKinds = [JobKind("echo")!] }) { harness in
      let body = #"{"kind":"echo","unique_key":"one"}"#
      let first = try await harness.ask(.post, "/v1/jobs", body, headers: ["idempotency-key": "k"])
      #expect(first["match"] == nil)
      let replay = try await harness.ask(.post, "/v1/jobs", body, headers: ["idempotency-key": "k"])
      #expect(replay["match"]?.string == "idempotency_key")
      #expect(replay.headers["idempotency-replayed"] == "true")
      let unique = try await harness.ask(.post, "/v1/jobs", body)
      #expect(unique["match"]?.string == "unique_key")
      #expect(unique.headers["idempotency-replayed"] == nil)
      #expect(unique["job"]?["id"]?.string == first["job"]?["id"]?.string)

      let reused = #"{"kind":"echo","payload":{"a":1,"b":2},"reuse":true}"#
      _ = try await harness.ask(.post, "/v1/jobs", reused)
      let again = try await harness.call(
        "job.submit", #"{"kind":"echo","payload":{"b":2,"a":1},"reuse":true}"#)
      #expect(again["rpc"]?["data"]?["match"]?.string == "content_key")
    }
  }

  @Test("the same bytes under another upload's name are the same input")
  func uploads() async throws {
    try await SessionHarness.runUnlimited(settings: { $0.reusableKinds = [JobKind("echo")!] }) { harness in
      var jobs: [String?] = []
      for content in ["same", "same", "other"] {
        let upload = try await harness.ask(.post, "/v1/uploads?name=a.txt", content)
        let name = try #require(upload["upload"]?.string)
        let answer = try await harness.ask(
          .post, "/v1/jobs", #"{"kind":"echo","payload":{"input":"upload:\#(name)"},"reuse":true}"#)
        jobs.append(answer["job"]?["id"]?.string)
      }
      #expect(jobs[0] == jobs[1])
      #expect(jobs[0] != jobs[2])
    }
  }

  @Test("a job may only wait for jobs that its user may see")
  func parents() async throws {
    try await SessionHarness.runUnlimited { harness in
      let own = try await submit(harness)
      let others = try await submit(harness, by: "bob")
      let child = try await submit(harness, #","depends_on":["\#(own)"]"#)
      let answer = try await harness.ask(.get, "/v1/jobs/\(child)")
      #expect(answer["state"]?.string == "blocked")
      #expect(answer["pending_parents"]?.int == 1)
      let refused = try await harness.ask(
        .post, "/v1/jobs", #"{"kind":"echo","depends_on":["\#(others)"]}"#)
      #expect(refused.status == 422)
      #expect(refused.code == "parent-not-found")
    }
  }

  @Test("each verb changes the job and answers with it")
  func verbs() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness, #","delay":60"#)
      let promoted = try await harness.ask(.post, "/v1/jobs/\(job)/promote")
      #expect(promoted.status == 200)
      #expect(promoted["state"]?.string == "queued")
      #expect(promoted["links"]?["self"]?.string == "/v1/jobs/\(job)")

      let urgent = try await harness.ask(.post, "/v1/jobs/\(job)/reprioritise", #"{"priority":9}"#)
      #expect(urgent["priority"]?.int == 9)

      let moved = try await harness.ask(.post, "/v1/jobs/\(job)/redrive", #"{"queue":"other"}"#)
      #expect(moved["queue"]?.string == "other")

      let cancelled = try await harness.ask(.post, "/v1/jobs/\(job)/cancel", #"{"reason":"enough"}"#)
      #expect(cancelled.status == 202)
      #expect(cancelled["state"]?.string == "cancelled")
      #expect(cancelled["error"]?["message"]?.string == "enough")

      let retried = try await harness.ask(.post, "/v1/jobs/\(job)/retry", #"{"delay":30}"#)
      #expect(retried["state"]?.string == "scheduled")

      let removed = try await harness.ask(.delete, "/v1/jobs/\(job)")
      #expect(removed.status == 200)
      #expect(removed["removed"]?.bool == true)
      #expect(try await harness.ask(.get, "/v1/jobs/\(job)").status == 404)
    }
  }

  @Test("a running job that is removed is told to be on its way out")
  func removalOfRunning() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      _ = try await harness.lease()
      let answer = try await harness.ask(.delete, "/v1/jobs/\(job)")
      #expect(answer.status == 202)
      #expect(answer["removed"]?.bool == false)
    }
  }

  @Test("the reason given for cancelling a running job is the reason of its end")
  func reason() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      let lease = try await harness.lease().lease
      let asked = try await harness.ask(
        .post, "/v1/jobs/\(job)/cancel", #"{"reason":"wrong file","force":true}"#)
      #expect(asked["cancelling"]?.bool == true)
      _ = try await harness.broker.settle(
        lease, .cancel(JobFailure(code: "cancelled", message: "The job was cancelled.")))
      let ended = try await harness.ask(.get, "/v1/jobs/\(job)")
      #expect(ended["state"]?.string == "cancelled")
      #expect(ended["error"]?["message"]?.string == "wrong file")
    }
  }

  @Test("what the state of a job does not allow is a conflict that names the state")
  func conflict() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      let answer = try await harness.ask(.post, "/v1/jobs/\(job)/promote")
      #expect(answer.status == 409)
      #expect(answer["detail"]?.string == "The job is queued.")
    }
  }

  @Test(
    "nobody touches the job of somebody else, or learns that it is there",
    arguments: [
      (.post, "/cancel", ""), (.post, "/retry", ""), (.post, "/promote", ""),
      (.post, "/redrive", #"{"queue":"x"}"#), (.post, "/reprioritise", #"{"priority":1}"#),
      (.delete, "", ""), (.get, "/why", ""), (.get, "/log", ""),
    ] as [(Request.Method, String, String)])
  func ownership(method: Request.Method, path: String, body: String) async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      let stranger = try await harness.ask(method, "/v1/jobs/\(job)\(path)", body, by: "bob")
      #expect(stranger.status == 404)
      #expect(stranger.code == "job-not-found")
      let unknown = try await harness.ask(method, "/v1/jobs/nonsense\(path)", body)
      #expect(unknown.status == 404)
    }
  }

  @Test("a token without the scope is refused")
  func scope() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      let answer = try await harness.ask(.post, "/v1/jobs/\(job)/cancel", scopes: [.read])
      #expect(answer.status == 403)
      #expect(answer["detail"]?.string == "This needs the scope jobs:manage.")
    }
  }

  @Test("one is told why a job waits")
  func why() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      _ = try await harness.admin(.post, "/v1/queues/default/pause")
      let answer = try await harness.ask(.get, "/v1/jobs/\(job)/why")
      #expect(
        answer["reasons"]?.array?.map { $0["code"]?.string } == ["queue_paused", "no_worker"])
      let reply = try await harness.call("job.why", #"{"id":"\#(job)"}"#)
      #expect(reply["rpc"]?["data"]?["reasons"]?.array?.count == 2)
    }
  }

  @Test("a listing is narrowed by everything there is")
  func listing() async throws {
    try await SessionHarness.runUnlimited { harness in
      let first = try await submit(harness, #","queue":"a""#)
      let second = try await submit(harness, #","queue":"b","delay":60"#)
      _ = try await submit(harness, by: "bob")
      func ids(_ query: String, _ scopes: Permissions? = nil) async throws -> [String?]? {
        try await harness.ask(.get, "/v1/jobs?\(query)", scopes: scopes)["jobs"]?.array?
          .map { $0["id"]?.string }
      }
      #expect(try await ids("") == [second, first])
      #expect(try await ids("queue=a") == [first])
      #expect(try await ids("state=scheduled,running&state=failed") == [second])
      #expect(try await ids("kind=other") == [])
      #expect(try await ids("until=1000") == [])
      #expect(try await ids("since=1000&limit=1") == [second])
      #expect(try await ids("user=alice")?.count == 2)
      for other in ["bob", "*"] {
        let refused = try await harness.ask(.get, "/v1/jobs?user=\(other)")
        #expect(refused.status == 403 && refused.code == "permission-denied")
        #expect(refused["errors"]?.array?.map { $0["pointer"]?.string } == ["/user"])
      }
      #expect(try await ids("user=bob", [.admin])?.count == 1)
      #expect(try await ids("user=*", [.admin])?.count == 3)
      let wrong = try await harness.ask(.get, "/v1/jobs?state=nonsense&limit=0&colour=red")
      #expect(
        wrong["errors"]?.array?.map { $0["pointer"]?.string } == ["/state", "/limit", "/colour"])
    }
  }

  @Test("many jobs are handled at once, a page at a time, and what cannot be is told")
  func bulk() async throws {
    try await SessionHarness.runUnlimited { harness in
      var jobs: Set<String> = []
      for _ in 0..<5 { jobs.insert(try await submit(harness, #","queue":"a","delay":60"#)) }
      let queued = try await submit(harness, #","queue":"a""#)
      _ = try await submit(harness, #","queue":"a","delay":60"#, by: "bob")
      var done: Set<String> = []
      var skipped: [String?] = []
      var cursor = ""
      var pages = 0
      repeat {
        let answer = try await harness.ask(
          .post, "/v1/jobs/bulk",
          #"{"action":"promote","filter":{"queue":"a"},"limit":2\#(cursor)}"#)
        #expect(answer.status == 200)
        done.formUnion(answer["done"]?.array?.compactMap(\.string) ?? [])
        skipped += answer["skipped"]?.array?.map { $0["id"]?.string } ?? []
        cursor = (answer["cursor"]?.string).map { #","cursor":"\#($0)""# } ?? ""
        pages += 1
      } while !cursor.isEmpty && pages < 20
      #expect(done == jobs)
      #expect(skipped == [queued])
    }
  }

  @Test("what ended before a moment is listed, and removed at once")
  func endedBefore() async throws {
    try await SessionHarness.runUnlimited { harness in
      let old = try await submit(harness, "")
      let ended = try await harness.ask(.post, "/v1/jobs/\(old)/cancel")
      let moment = try #require(ended["finished_at"]?.int)
      _ = try await submit(harness, "")
      let listed = try await harness.ask(.get, "/v1/jobs?ended_before=\(moment + 1)")
      #expect(listed["jobs"]?.array?.map { $0["id"]?.string } == [old])
      #expect(try await harness.ask(.get, "/v1/jobs?ended_before=\(moment)")["jobs"]?.array?.isEmpty == true)
      let removed = try await harness.ask(
        .post, "/v1/jobs/bulk", #"{"action":"remove","filter":{"ended_before":\#(moment + 1)}}"#)
      #expect(removed["done"]?.array?.compactMap(\.string) == [old])
      #expect(try await harness.ask(.get, "/v1/jobs")["jobs"]?.array?.count == 1)
    }
  }

  @Test("a bulk action says what is missing of it")
  func bulkFaults() async throws {
    try await SessionHarness.runUnlimited { harness in
      let empty = try await harness.ask(.post, "/v1/jobs/bulk", "{}")
      #expect(empty["errors"]?.array?.map { $0["pointer"]?.string } == ["/action", "/filter"])
      let wrong = try await harness.ask(
        .post, "/v1/jobs/bulk",
        #"{"action":"reprioritise","filter":{"state":"x","limit":1},"reason":"no"}"#)
      #expect(
        wrong["errors"]?.array?.compactMap { $0["pointer"]?.string }.sorted()
          == ["/filter/limit", "/filter/state", "/priority", "/reason"])
    }
  }

  @Test("the worker of a job is shown to operators alone")
  func worker() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      _ = try await harness.lease()
      #expect(try await harness.ask(.get, "/v1/jobs/\(job)")["worker"] == nil)
      #expect(try await harness.admin(.get, "/v1/jobs/\(job)")["worker"]?.string == "worker")
      let listed = try await harness.admin(.get, "/v1/jobs?user=alice")
      #expect(listed["jobs"]?.array?.first?["worker"]?.string == "worker")
    }
  }

  @Test("a long poll for news of a job that has ended answers at once")
  func endedPoll() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness)
      _ = try await harness.ask(.post, "/v1/jobs/\(job)/cancel")
      let tag = try #require(try await harness.ask(.get, "/v1/jobs/\(job)").headers["etag"])
      let answer = try await harness.ask(
        .get, "/v1/jobs/\(job)?wait=30", headers: ["if-none-match": tag])
      #expect(answer.status == 304)
    }
  }

  @Test("a socket is told all that HTTP is told")
  func procedures() async throws {
    try await SessionHarness.runUnlimited { harness in
      let job = try await submit(harness, #","delay":60"#)
      let id = #"{"id":"\#(job)"}"#
      let promoted = try await harness.call("job.promote", id)
      #expect(promoted["rpc"]?["data"]?["job"]?["state"]?.string == "queued")
      let removed = try await harness.call("job.remove", id)
      #expect(removed["rpc"]?["data"]?["removed"]?.bool == true)
      let gone = try await harness.call("job.get", id)
      #expect(gone["error"]?["code"]?.int == 404)
      let wrong = try await harness.call("job.retry", #"{"id":"x","dely":1}"#)
      #expect(wrong["error"]?["code"]?.int == 404)
      let strange = try await harness.call("job.retry", #"{"id":"\#(job)","dely":1}"#)
      #expect(strange["error"]?["message"]?.string?.contains("/dely: is not known") == true)
    }
  }
}

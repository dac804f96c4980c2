import EventLoop
import Gateway
import Jobs
import Testing

/// The verbs on queues and workers as HTTP and sockets have them, on a real broker.
@Suite("What is done to queues and workers") struct QueueVerbTests {
  @EventLoop
  private func run(_ body: @EventLoop (SessionHarness) async throws -> Void) async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 10_000 }, body)
  }

  @Test("a queue is made, changed, looked at and deleted")
  func life() async throws {
    try await run { harness in
      let made = try await harness.admin(
        .put, "/v1/queues/render", #"{"concurrency":5,"retention":{"completed":{"count":10}}}"#)
      #expect(made.status == 201)
      #expect(made["settings"]?["concurrency"]?.int == 5)
      #expect(made["settings"]?["retention"]?["completed"]?["count"]?.int == 10)
      let tag = try #require(made.headers["etag"])

      let changed = try await harness.admin(
        .patch, "/v1/queues/render", #"{"concurrency":10,"order":"lifo"}"#,
        headers: ["if-match": tag])
      #expect(changed.status == 200)
      #expect(changed["settings"]?["concurrency"]?.int == 10)
      #expect(changed["settings"]?["retention"]?["completed"]?["count"]?.int == 10)
      #expect(changed.headers["etag"] != tag)

      for method in [Request.Method.patch, .put] {
        let late = try await harness.admin(
          method, "/v1/queues/render", "{}", headers: ["if-match": tag])
        #expect(late.status == 412)
        #expect(late.code == "changed-meanwhile")
      }
      let taken = try await harness.admin(
        .put, "/v1/queues/render", "{}", headers: ["if-none-match": "*"])
      #expect(taken.status == 412)

      let listed = try await harness.admin(.get, "/v1/queues")
      #expect(listed["queues"]?.array?.map { $0["name"]?.string } == ["render"])
      #expect(try await harness.admin(.delete, "/v1/queues/render").status == 204)
      #expect(try await harness.admin(.get, "/v1/queues/render").status == 404)
    }
  }

  @Test("the faults of settings are told where they stand in the body")
  func faults() async throws {
    try await run { harness in
      let answer = try await harness.admin(
        .put, "/v1/queues/a", #"{"concurrency":0,"defaults":{"timeout":-1}}"#)
      #expect(answer.status == 400)
      #expect(
        answer["errors"]?.array?.map { $0["pointer"]?.string }
          == ["/concurrency", "/defaults/timeout"])
      let reply = try await harness.call(
        "queue.set", #"{"name":"a","settings":{"concurrency":0}}"#, scopes: [.admin])
      #expect(reply["error"]?["message"]?.string?.contains("/settings/concurrency") == true)
      let unnamed = try await harness.call("queue.pause", "{}", scopes: [.admin])
      #expect(unnamed["error"]?["message"]?.string?.contains("/name: is missing") == true)
    }
  }

  @Test("a queue is paused, resumed and drained")
  func modes() async throws {
    try await run { harness in
      _ = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#)
      func mode(_ verb: String) async throws -> String? {
        try await harness.admin(.post, "/v1/queues/default/\(verb)")["mode"]?.string
      }
      #expect(try await mode("pause") == "paused")
      #expect(try await mode("resume") == "active")
      #expect(try await mode("drain?mode=backlog") == "draining_backlog")
      let refused = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#)
      #expect(refused.code == "queue-draining")
      // Nothing runs: it is at rest at once.
      #expect(try await mode("drain") == "paused")
      #expect(try await harness.admin(.post, "/v1/queues/nowhere/resume").code == "queue-not-found")
      #expect(try await harness.admin(.delete, "/v1/queues/default").code == "queue-not-empty")
    }
  }

  @Test("a queue that nobody has named yet is paused or drained before its first job comes")
  func pausedBeforehand() async throws {
    try await run { harness in
      let paused = try await harness.admin(.post, "/v1/queues/tonight/pause")
      #expect(paused.status == 200 && paused["mode"]?.string == "paused")
      let job = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo","queue":"tonight"}"#)
      #expect(job.status == 202)
      let taken = try await harness.broker.lease(
        from: [QueueName("tonight")!], limit: 1, for: .seconds(30), by: WorkerID("worker")!)
      #expect(taken.isEmpty)
      let drained = try await harness.admin(.post, "/v1/queues/tomorrow/drain")
      #expect(drained["mode"]?.string == "paused", "nothing runs in it")
      #expect(try await harness.ask(.post, "/v1/queues/evening/pause").status == 403)
      #expect(try await harness.admin(.get, "/v1/queues/evening").status == 404)
    }
  }

  @Test("a queue is cleared of what waits, or of what is named")
  func clear() async throws {
    try await run { harness in
      for _ in 0..<3 { _ = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#) }
      _ = try await harness.lease()
      let part = try await harness.admin(.post, "/v1/queues/default/clear", #"{"limit":1}"#)
      #expect(part["removed"]?.int == 1)
      #expect(part["more"]?.bool == true)
      let named = try await harness.admin(
        .post, "/v1/queues/default/clear", #"{"state":["completed"]}"#)
      #expect(named["removed"]?.int == 0)
      let rest = try await harness.admin(.post, "/v1/queues/default/clear")
      #expect(rest["removed"]?.int == 1)
      #expect(rest["more"]?.bool == false)
      let running = try await harness.admin(.post, "/v1/queues/default/clear?state=running,failed")
      #expect(running.status == 400)
      let fault = running["errors"]?.array?.first
      #expect(fault?["pointer"]?.string == "/state")
      #expect(fault?["detail"]?.string?.hasPrefix("is one of scheduled, blocked, queued, retrying") == true)
      #expect(try await harness.admin(.get, "/v1/queues/default")["running"]?.int == 1)
    }
  }

  @Test("what a queue holds and did is counted")
  func statistics() async throws {
    try await run { harness in
      for priority in [5, 5, 9] {
        _ = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo","priority":\#(priority)}"#)
      }
      let lease = try await harness.lease().lease
      _ = try await harness.broker.settle(lease, .complete(nil))
      let queue = try await harness.admin(.get, "/v1/queues/default")
      #expect(queue["levels"]?.object?.map(\.name) == (1...10).map(String.init))
      #expect(queue["levels"]?["5"]?.int == 2)
      #expect(queue["counts"]?["queued"]?.int == 2)
      #expect(queue["counts"]?["failed"]?.int == 0)
      #expect(queue["waiting"]?.int == 2)
      #expect(queue["totals"]?["completed"]?.int == 1)
      let recent = try await harness.admin(.get, "/v1/queues/default/stats?minutes=5")
      #expect(recent["minutes"]?.int == 5)
      #expect(recent["accepted"]?.int == 3)
      #expect(recent["success_rate"]?.double == 1)
      #expect(recent["run"]?["count"]?.int == 1)
      #expect(
        recent["per_minute"]?.text.description == #"{"accepted":0.6,"finished":0.2,"failed":0.0,"retried":0.0}"#)
      let all = try await harness.admin(.get, "/v1/stats")
      #expect(all["queues"]?.int == 1)
      #expect(all["recent"]?["completed"]?.int == 1)
      #expect(all["levels"]?["5"]?.int == 2)
      #expect(all["workers"]?["live"]?.int == 0)
      for retry in [Settlement.Retry.after(.seconds(60)), .never] {
        let failure = JobFailure(code: "broken", message: "It broke.")
        _ = try await harness.broker.settle(try await harness.lease().lease, .fail(failure, retry: retry))
      }
      let later = try await harness.admin(.get, "/v1/queues/default/stats?minutes=5")
      #expect(
        later["per_minute"]?.text.description == #"{"accepted":0.6,"finished":0.4,"failed":0.2,"retried":0.2}"#)
    }
  }

  @Test("workers are listed and directed")
  func workers() async throws {
    try await run { harness in
      let id = WorkerID("host-1-abc")!
      _ = try await harness.broker.beat(
        WorkerReport(
          id: id, host: "host", process: 1, version: "v", queues: [.default],
          kinds: [JobKind("echo")!], slots: 2, memory: 1000, startedAt: .now),
        renewing: [], for: .seconds(30))
      let listed = try await harness.admin(.get, "/v1/workers")
      let worker = try #require(listed["workers"]?.array?.first)
      #expect(worker["id"]?.string == "host-1-abc")
      #expect(worker["mode"]?.string == "running")
      #expect(worker["slots"]?.int == 2)
      let quiet = try await harness.admin(.post, "/v1/workers/host-1-abc/quiet")
      #expect(quiet["wanted"]?.string == "quiet")
      let resumed = try await harness.admin(.post, "/v1/workers/host-1-abc/resume")
      #expect(resumed["wanted"] == nil)
      #expect(
        try await harness.admin(.post, "/v1/workers/host-1-abc/stop")["wanted"]?.string
          == "stopping")
      #expect(try await harness.admin(.post, "/v1/workers/gone/stop").code == "worker-not-found")

      _ = try await harness.broker.beat(
        WorkerReport(
          id: WorkerID("silent")!, host: "host", process: 1, version: "v", queues: [.default], kinds: [], slots: 1,
          memory: 0, startedAt: .now),
        renewing: [], for: .zero)
      for verb in ["start", "resume"] {
        let lost = try await harness.admin(.post, "/v1/workers/silent/\(verb)")
        #expect(lost.status == 409 && lost.code == "worker-lost")
      }
      #expect(try await harness.admin(.post, "/v1/workers/silent/stop")["wanted"]?.string == "stopping")
    }
  }

  @Test("health is told")
  func health() async throws {
    try await run { harness in
      #expect(try await harness.admin(.get, "/v1/health")["status"]?.string == "healthy")
      _ = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#)
      let answer = try await harness.admin(.get, "/v1/health")
      #expect(answer["status"]?.string == "unhealthy")
      #expect(answer["alerts"]?.array?.map { $0["condition"]?.string } == ["no_worker"])
      #expect(answer["queues"]?["errors"]?.int == 1)
      #expect((0...60).contains(try #require(answer["uptime"]?.int)), "seconds")
    }
  }

  @Test("jobs of lost workers are taken back when it is asked for, and what cannot be is looked for")
  func maintenance() async throws {
    try await run { harness in
      _ = try await harness.broker.maintain(limit: 10, LossRules())
      let job = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo"}"#)
      let lease = LeaseRequest(
        queues: [.default], limit: 1, duration: .milliseconds(1), worker: WorkerID("worker")!)
      #expect(try await harness.broker.exchange([], for: lease).jobs.count == 1)
      let id = try #require(job["job"]?["id"]?.string)
      var requeued = 0
      while requeued == 0 {
        let answer = try await harness.admin(.post, "/v1/maintenance", #"{"repair":true}"#)
        #expect(answer["audit"]?["checked"]?.int == 1)
        #expect(answer["audit"]?["found"]?.int == 0)
        #expect(answer["cursor"] == nil)
        requeued = answer["maintenance"]?["requeued"]?.int ?? 0
      }
      #expect(try await harness.ask(.get, "/v1/jobs/\(id)")["state"]?.string == "queued")
      let rest = try await harness.admin(.post, "/v1/maintenance", #"{"cursor":"zzz"}"#)
      #expect(rest["maintenance"] == nil, "only the audit goes on")
    }
  }

  @Test(
    "none of it is for those who are no operators",
    arguments: [
      (.get, "/v1/queues"), (.get, "/v1/queues/default"), (.put, "/v1/queues/default"),
      (.patch, "/v1/queues/default"), (.delete, "/v1/queues/default"),
      (.post, "/v1/queues/default/pause"), (.post, "/v1/queues/default/resume"),
      (.post, "/v1/queues/default/drain"), (.post, "/v1/queues/default/clear"),
      (.get, "/v1/queues/default/stats"), (.get, "/v1/workers"), (.post, "/v1/workers/a/quiet"),
      (.post, "/v1/workers/a/resume"), (.post, "/v1/workers/a/stop"), (.get, "/v1/stats"),
      (.get, "/v1/health"), (.post, "/v1/maintenance"),
    ] as [(Request.Method, String)])
  func scope(method: Request.Method, path: String) async throws {
    try await run { harness in
      let body = [.put, .patch].contains(method) ? "{}" : ""
      let answer = try await harness.ask(method, path, body)
      #expect(answer.status == 403)
    }
  }
}

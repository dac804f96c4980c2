import EventLoop
import Gateway
import Jobs
import Testing

/// The verbs on groups as HTTP and sockets have them, on a real broker.
@Suite("What is done to groups") struct GroupVerbTests {
  @EventLoop
  private func run(
    limit: Int = 10_000, _ body: @EventLoop (SessionHarness) async throws -> Void
  ) async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = limit }, body)
  }

  @EventLoop private func settleNext(_ harness: SessionHarness, _ settlement: Settlement) async throws {
    _ = try await harness.broker.settle(try await harness.lease().lease, settlement)
  }

  @Test("a group is made, joined, closed, looked at, and followed by its callback")
  func life() async throws {
    try await run { harness in
      let made = try await harness.ask(
        .post, "/v1/groups",
        #"{"name":"Trailers","callback":{"kind":"notify","queue":"after","payload":{"n":1},"priority":9}}"#)
      #expect(made.status == 201)
      let id = try #require(made["group"]?["id"]?.string)
      #expect(made.headers["location"] == "/v1/groups/\(id)")
      #expect(made["group"]?["state"]?.string == "open")
      #expect(made["group"]?["percent"] == nil)
      #expect(made["jobs"] == nil)
      for weight in [3, 1] {
        let joined = try await harness.ask(
          .post, "/v1/jobs", #"{"kind":"echo","group":"\#(id)","weight":\#(weight)}"#)
        #expect(joined["job"]?["group"]?.string == id)
      }
      try await settleNext(harness, .complete(nil))
      let open = try await harness.ask(.get, "/v1/groups/\(id)")
      #expect(open["percent"]?.double == 75)
      #expect(open["jobs"]?.int == 2 && open["pending"]?.int == 1)
      #expect(open["counts"]?["completed"]?.int == 1 && open["counts"]?["running"]?.int == 0)
      #expect(open["name"]?.string == "Trailers" && open["user"]?.string == "alice")
      let closed = try await harness.ask(.post, "/v1/groups/\(id)/close")
      #expect(closed.status == 200 && closed["state"]?.string == "closed")
      let late = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo","group":"\#(id)"}"#)
      #expect(late.status == 409 && late.code == "group-closed")
      try await settleNext(
        harness, .fail(JobFailure(code: "broken", message: "it is"), retry: .never))
      let finished = try await harness.ask(.get, "/v1/groups/\(id)")
      #expect(finished["state"]?.string == "finished" && finished["percent"]?.double == 100)
      #expect(finished["finished_at"]?.int != nil)
      let callback = try #require(finished["callback"]?.string)
      let job = try await harness.ask(.get, "/v1/jobs/\(callback)")
      #expect(job["queue"]?.string == "after" && job["priority"]?.int == 9)
      #expect(job["user"]?.string == "alice" && job["group"] == nil)
    }
  }

  @Test("its jobs are listed in the order of acceptance, a page at a time")
  func pages() async throws {
    try await run { harness in
      let made = try await harness.ask(.post, "/v1/groups", "{}")
      let id = try #require(made["group"]?["id"]?.string)
      var jobs: [String] = []
      for _ in 0..<5 {
        let answer = try await harness.ask(.post, "/v1/jobs", #"{"kind":"echo","group":"\#(id)"}"#)
        jobs.append(try #require(answer["job"]?["id"]?.string))
      }
      var listed: [String] = []
      var cursor: String?
      repeat {
        let more = cursor.map { "&cursor=\($0)" } ?? ""
        let page = try await harness.ask(.get, "/v1/groups/\(id)/jobs?limit=2\(more)")
        #expect((page["jobs"]?.array?.count ?? 0) <= 2)
        listed += page["jobs"]?.array?.compactMap { $0["id"]?.string } ?? []
        cursor = page["cursor"]?.string
      } while cursor != nil
      #expect(listed == jobs)
      #expect(try await harness.ask(.get, "/v1/groups/\(id)/jobs?limit=201").status == 400)
    }
  }

  private let batch =
    #"{"name":"all","jobs":[{"kind":"a"},{"kind":"b","weight":2},{"kind":"c","queue":"other"}]}"#

  @Test("made with its jobs it is closed, and each is told")
  func whole() async throws {
    try await run { harness in
      let made = try await harness.ask(.post, "/v1/groups", batch)
      #expect(made.status == 201)
      #expect(made["refused"]?.int == 0)
      #expect(made["group"]?["state"]?.string == "closed")
      #expect(made["group"]?["jobs"]?.int == 3)
      let jobs = made["jobs"]?.array ?? []
      #expect(jobs.map { $0["job"]?["kind"]?.string } == ["a", "b", "c"])
      let id = try #require(made["group"]?["id"]?.string)
      #expect(jobs.allSatisfy { $0["job"]?["group"]?.string == id })
      let again = try await harness.ask(.post, "/v1/groups", batch)
      #expect(again["group"]?["id"]?.string != id, "without an id it is another one")
    }
  }

  @Test("under an id of the client's own it may be made again: the same group, the same jobs")
  func repeated() async throws {
    try await run { harness in
      let body = #"{"id":"\#(GroupID())","# + batch.dropFirst()
      let first = try await harness.ask(.post, "/v1/groups", body)
      let second = try await harness.ask(.post, "/v1/groups", body)
      #expect(first.status == 201 && second.status == 200)
      #expect(second["group"]?["id"]?.string == first["group"]?["id"]?.string)
      func ids(_ answer: FakeAnswer) -> [String?] {
        answer["jobs"]?.array?.map { $0["job"]?["id"]?.string } ?? []
      }
      #expect(ids(first).count == 3)
      #expect(ids(first) == ids(second))
      #expect(second["jobs"]?.array?.allSatisfy { $0["match"]?.string == "idempotency_key" } == true)
      #expect(second["group"]?["jobs"]?.int == 3)
      let foreign = try await harness.ask(.post, "/v1/groups", body, by: "bob")
      #expect(foreign.status == 404)
    }
  }

  @Test("what is refused is told job by job, and leaves the group open for the rest")
  func partial() async throws {
    try await run { harness in
      _ = try await harness.admin(.put, "/v1/queues/small", #"{"max_waiting":1}"#)
      let made = try await harness.ask(
        .post, "/v1/groups",
        #"{"jobs":[{"kind":"a","queue":"small"},{"kind":"b","queue":"small"},{"kind":"c"}]}"#)
      #expect(made.status == 201)
      #expect(made["refused"]?.int == 1)
      #expect(made["group"]?["state"]?.string == "open" && made["group"]?["jobs"]?.int == 2)
      let jobs = made["jobs"]?.array ?? []
      #expect(jobs.map { $0["error"]?["code"]?.string } == [nil, "queue-full", nil])
      #expect(jobs[1]["error"]?["status"]?.int == 429)
      let id = try #require(made["group"]?["id"]?.string)
      let rest = try await harness.ask(.post, "/v1/jobs", #"{"kind":"b","group":"\#(id)"}"#)
      #expect(rest.status == 202)
      #expect(try await harness.ask(.post, "/v1/groups/\(id)/close")["jobs"]?.int == 3)
    }
  }

  @Test("each of its jobs is a request of the budget; too many are refused before anything is made")
  func budget() async throws {
    try await run(limit: 6) { harness in
      let made = try await harness.ask(.post, "/v1/groups", batch)
      #expect(made.status == 201)
      #expect(made.headers["ratelimit"]?.contains("r=2;") == true, "\(made.headers)")
      // One for the group, three for its jobs, and this one.
      let left = try await harness.ask(.get, "/v1/jobs")
      #expect(left.headers["ratelimit"]?.contains("r=1;") == true, "\(left.headers)")
      let refused = try await harness.ask(.post, "/v1/groups", batch)
      #expect(refused.status == 429 && refused.code == "quota-exceeded")
      #expect(refused.headers["retry-after"] != nil)
      #expect(try await harness.broker.queue(.default)?.totals.accepted == 2)
      let never = try await harness.ask(
        .post, "/v1/groups",
        #"{"jobs":[{"kind":"a"},{"kind":"a"},{"kind":"a"},{"kind":"a"},{"kind":"a"},{"kind":"a"}]}"#,
        by: "bob")
      #expect(never.status == 400)
      #expect(never["errors"]?.array?.first?["detail"]?.string == "must be a list of 1 to 5 objects")
    }
  }

  @Test("all faults are told at once, each where it stands")
  func faults() async throws {
    try await run { harness in
      let answer = try await harness.ask(
        .post, "/v1/groups",
        #"{"id":"x","callback":{"group":"y","watch":true},"jobs":[{"kind":"a"},{"kind":"b","group":"z","colour":1},{"priority":0}],"size":1}"#
      )
      #expect(answer.status == 400)
      #expect(
        Set(answer["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? [])
          == [
            "/id", "/callback/group", "/callback/watch", "/callback/kind", "/jobs/1/group", "/jobs/1/colour",
            "/jobs/2/kind", "/jobs/2/priority", "/size",
          ])
      for jobs in ["[]", "{}", "[1]"] {
        let refused = try await harness.ask(.post, "/v1/groups", #"{"jobs":\#(jobs)}"#)
        #expect(refused.status == 400, "\(jobs)")
      }
    }
  }

  @Test("a group of somebody else is as unknown as one that never was, but for an admin")
  func ownership() async throws {
    try await run { harness in
      let id = try #require(try await harness.ask(.post, "/v1/groups", "{}")["group"]?["id"]?.string)
      for (method, path) in [
        (Request.Method.get, "/v1/groups/\(id)"), (.post, "/v1/groups/\(id)/close"),
        (.get, "/v1/groups/\(id)/jobs"), (.get, "/v1/groups/\(id)/events"),
      ] {
        let foreign = try await harness.ask(method, path, by: "bob")
        #expect(foreign.status == 404 && foreign.code == "group-not-found", "\(path)")
        let unknown = try await harness.ask(method, path.replacing(id, with: "\(GroupID())"))
        #expect(unknown.status == 404, "\(path)")
        let malformed = try await harness.ask(method, path.replacing(id, with: "nonsense"))
        #expect(malformed.status == 404, "\(path)")
      }
      let joined = try await harness.ask(.post, "/v1/jobs", #"{"kind":"a","group":"\#(id)"}"#, by: "bob")
      #expect(joined.status == 404)
      #expect(try await harness.admin(.get, "/v1/groups/\(id)")["user"]?.string == "alice")
      let reader = try await harness.ask(.post, "/v1/groups", "{}", scopes: [.read])
      #expect(reader.status == 403)
    }
  }

  @Test("sockets call the same")
  func sockets() async throws {
    try await run { harness in
      let made = try await harness.call("group.create", batch)
      let data = made["rpc"]?["data"]
      #expect(data?["jobs"]?.array?.count == 3)
      let limit = try #require(data?["limits"]?["limit"]?.int)
      #expect(data?["limits"]?["remaining"]?.int == limit - 4, "one for the group, three for its jobs")
      let empty = try await harness.call("group.create", "{}")
      #expect(empty["rpc"]?["data"]?["limits"]?["remaining"]?.int == limit - 5)
      let id = try #require(data?["group"]?["id"]?.string)
      let get = try await harness.call("group.get", #"{"id":"\#(id)"}"#)
      #expect(get["rpc"]?["data"]?["group"]?["jobs"]?.int == 3)
      let jobs = try await harness.call("group.jobs", #"{"id":"\#(id)","limit":1}"#)
      #expect(jobs["rpc"]?["data"]?["jobs"]?.array?.count == 1)
      #expect(jobs["rpc"]?["data"]?["cursor"]?.string != nil)
      let close = try await harness.call("group.close", #"{"id":"\#(id)"}"#)
      #expect(close["rpc"]?["data"]?["group"]?["state"]?.string == "closed")
      let foreign = try await harness.call("group.get", #"{"id":"\#(id)"}"#, by: "bob")
      #expect(foreign["error"]?["code"]?.int == 404)
    }
  }
}

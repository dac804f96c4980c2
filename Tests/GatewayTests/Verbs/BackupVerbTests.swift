import EventLoop
import Gateway
import Jobs
import Testing

/// The verbs on backups as HTTP and sockets have them, on a real broker.
@Suite("What is done about backups") struct BackupVerbTests {
  @Test("one is made when asked for, and listed with those that are kept")
  func life() async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 1000 }) { harness in
      #expect(try await harness.admin(.get, "/v1/backups")["backups"]?.array?.count == 0)
      for _ in 0..<3 { try await harness.enqueue() }
      let begun = Timestamp.now
      let made = try await harness.admin(.post, "/v1/backups")
      #expect(made.status == 201)
      #expect(made.headers["location"] == nil, "it cannot be fetched")
      #expect(made["jobs"]?.int == 3)
      #expect(made["entries"]?.int == 4, "with what the queue did")
      #expect(made["sha256"]?.string?.wholeMatch(of: /[0-9a-f]{64}/) != nil)
      #expect((made["bytes"]?.int ?? 0) > 0)
      let name = try #require(made["name"]?.string)
      #expect(name.wholeMatch(of: /fanfare-\d{8}T\d{6}\.\d{3}Z\.backup\.gz/) != nil)
      let kept = try await harness.admin(.get, "/v1/backups")["backups"]?.array ?? []
      #expect(kept.map { $0["name"]?.string } == [name])
      #expect(kept[0]["bytes"]?.int == made["bytes"]?.int)
      let created = try #require(kept[0]["created_at"]?.int)
      #expect((begun.milliseconds...Timestamp.now.milliseconds).contains(Int64(created)))
      let second = try await harness.call("backup.create", "{}", by: "root", scopes: [.admin])
      let third = try await harness.admin(.post, "/v1/backups")
      let names = try await harness.admin(.get, "/v1/backups")["backups"]?.array?.map { $0["name"]?.string }
      #expect(names == [third["name"]?.string, second["rpc"]?["data"]?["name"]?.string])
    }
  }

  @Test("one is taken in by its name into the broker as it lives, by an operator")
  func restore() async throws {
    try await SessionHarness.run(settings: { $0.requestLimit = 1000 }) { harness in
      let gone = try await harness.enqueue()
      try await harness.enqueue()
      let name = try #require(try await harness.admin(.post, "/v1/backups")["name"]?.string)
      #expect(try await harness.broker.remove(gone.id))
      let path = "/v1/backups/\(name)/restore"
      #expect(try await harness.ask(.post, path).status == 403)
      let done = try await harness.admin(.post, path)
      #expect(done.status == 200 && done["name"]?.string == name)
      #expect(done["entries"]?.int == 3 && done["restored"]?.int == 1 && done["known"]?.int == 2)
      #expect(done["duplicates"]?.array?.isEmpty == true)
      #expect(try await harness.broker.job(gone.id)?.state == .queued)
      let again = try await harness.admin(.post, path)
      #expect(again.status == 404 && again.code == "backup-not-found")
      #expect(try await harness.admin(.get, "/v1/backups")["backups"]?.array?.isEmpty == true)

      let second = try #require(try await harness.admin(.post, "/v1/backups")["name"]?.string)
      let reply = try await harness.call("backup.restore", #"{"name":"\#(second)"}"#, by: "root", scopes: [.admin])
      #expect(reply["rpc"]?["data"]?["known"]?.int == 3)
    }
  }

  @Test("there is none for who may not")
  func refused() async throws {
    try await SessionHarness.run { harness in
      for method in [Request.Method.get, .post] {
        let refused = try await harness.ask(method, "/v1/backups")
        #expect(refused.status == 403)
      }
    }
  }
}

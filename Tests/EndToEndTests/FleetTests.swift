import EventLoop
import Foundation
import Gateway
import Jobs
import Redis
import Support
import Testing

@Suite("A fleet on one Redis", .timeLimit(.minutes(3))) struct FleetTests {
  private func withFleet(_ body: (Fleet) async throws -> Void) async throws {
    let fleet = try await Fleet()
    do { try await body(fleet) } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  @EventLoop private func submit(_ client: JobClient, _ gate: Gate) async throws -> String {
    let reply = try await client.rpc(
      "job.submit", #"{"kind":"steps","payload":{"gate":"\#(gate.path)"}}"#)
    return try #require(reply["rpc"]?["data"]?["job"]?["id"]?.string, "\(reply.text)")
  }

  @EventLoop private func watch(
    _ client: JobClient, _ id: String, from position: String = ""
  ) async throws -> JSONValue {
    let reply = try await client.call("subscribe", #"{"channel":"job:\#(id)"\#(position)}"#)
    return try #require(reply["subscribe"], "\(reply.text)")
  }

  private func isAt(_ percent: Double) -> (JSONValue) -> Bool { { $0["percent"]?.double == percent } }
  private func isIn(_ state: String) -> (JSONValue) -> Bool { { $0["state"]?.string == state } }

  @Test("runs a job submitted at one gateway and shows it at another")
  func twoGateways() async throws {
    try await withFleet { fleet in
      let (_, first) = try await fleet.gateway()
      let (_, second) = try await fleet.gateway()
      let gate = Gate(in: fleet.folder)
      let submitter = try await JobClient.connect(to: first, token: fleet.token())
      let watcher = try await JobClient.connect(to: second, token: fleet.token())
      let id = try await submit(submitter, gate)
      _ = try await watch(watcher, id)
      _ = try await fleet.worker()
      _ = try await watcher.event(where: isAt(50))
      gate.lift()
      let end = try await watcher.event(where: isIn("completed"))
      #expect(end["percent"]?.double == 100)
      let offsets = await watcher.events.compactMap { $0["offset"]?.int }
      #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count)
      #expect(await watcher.events.filter(isIn("completed")).count == 1)
    }
  }

  @Test("runs a job again whose worker was killed, and its watcher sees it")
  func killedWorker() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway()
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let worker = try await fleet.worker()
      let id = try await submit(client, gate)
      _ = try await watch(client, id)
      _ = try await client.event(where: isAt(50))
      await worker.end(SIGKILL)
      let stalled = try await client.event { $0["stalled"]?.bool == true }
      #expect(stalled["state"]?.string == "running", "shown before it is queued again")
      let requeued = try await client.event(where: isIn("queued"))
      #expect(requeued["reason"]?.string == "lost")
      _ = try await fleet.worker()
      _ = try await client.event(where: isAt(50))
      gate.lift()
      _ = try await client.event(where: isIn("completed"))
      #expect(await client.events.filter(isIn("completed")).count == 1)
      let record = try await client.rpc("job.get", #"{"id":"\#(id)"}"#)
      #expect((record["rpc"]?["data"]?["job"]?["lost"]?.int ?? 0) >= 1)
    }
  }

  @Test("starts a gateway's workers again that were stopped, but not a process that only works")
  func stoppedWorkers() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway(slots: 2, requests: 10_000)
      let admin = try await JobClient.connect(to: port, token: fleet.token("root", [.admin, .read]))
      let gateways = try await newWorker(admin, besides: nil)
      let stopped = try await admin.rpc("worker.stop", #"{"id":"\#(gateways)"}"#)
      #expect(stopped["rpc"]?["data"]?["worker"]?["wanted"]?.string == "stopping", "\(stopped.text)")
      while try await workers(admin).first?["mode"]?.string != "stopped" {}
      #expect(try await workers(admin).first?["wanted"] == nil, "it is as it was told")
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let id = try await submit(client, gate)
      let reasons = try await client.rpc("job.why", #"{"id":"\#(id)"}"#)["rpc"]?["data"]?["reasons"]?.array
      #expect(reasons?.first?["code"]?.string == "no_worker")
      _ = try await watch(client, id)
      _ = try await admin.rpc("worker.start", #"{"id":"\#(gateways)"}"#)
      _ = try await client.event(where: isAt(50))
      gate.lift()
      _ = try await client.event(where: isIn("completed"))
      let other = try await fleet.worker()
      let alone = try await newWorker(admin, besides: gateways)
      _ = try await admin.rpc("worker.stop", #"{"id":"\#(alone)"}"#)
      #expect(await other.ended() == 0)
      let refused = try await admin.rpc("worker.start", #"{"id":"\#(alone)"}"#)
      #expect(refused["error"] != nil, "\(refused.text)")
    }
  }

  @Test("says in its health that Redis would throw jobs away")
  func memoryPolicy() async throws {
    try await withFleet { fleet in
      try await fleet.redis.ask(RedisCommand("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
      let (_, port) = try await fleet.gateway()
      let process = try SpawnedProcess(
        FanfareProcess.binary,
        ["health", "--url", "http://127.0.0.1:\(port)", "--token", fleet.token("root", [.admin])], environment: [:])
      var lines: [String] = []
      for await line in process.lines { lines.append(line) }
      #expect(await process.ended() == 1)
      #expect(lines.first == "degraded")
      #expect(lines.dropFirst().first?.hasPrefix("  store  Redis throws jobs away") == true, "\(lines)")
    }
  }

  @EventLoop private func workers(_ client: JobClient) async throws -> [JSONValue] {
    let reply = try await client.rpc("worker.list")
    return Array(try #require(reply["rpc"]?["data"]?["workers"]?.array, "\(reply.text)"))
  }

  /// The id of a worker besides another: it runs before it has told of itself.
  @EventLoop private func newWorker(_ client: JobClient, besides other: String?) async throws -> String {
    while true {
      let ids = try await workers(client).compactMap { $0["id"]?.string }
      if let id = ids.first(where: { $0 != other }) { return id }
    }
  }

  @Test("lets a watcher go on at another gateway when its own was killed")
  func killedGateway() async throws {
    try await withFleet { fleet in
      let (first, firstPort) = try await fleet.gateway()
      let (_, secondPort) = try await fleet.gateway()
      _ = try await fleet.worker()
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: firstPort, token: fleet.token())
      let id = try await submit(client, gate)
      _ = try await watch(client, id)
      let last = try await client.event(where: isAt(50))
      await first.end(SIGKILL)
      await #expect(throws: (any Error).self) {
        while true { _ = try await client.nextEvent() }
      }
      // The job goes on meanwhile: nothing of it lived in the gateway.
      gate.lift()
      let offset = try #require(last["offset"]?.int)
      let epoch = try #require(last["epoch"]?.string)
      let again = try await JobClient.connect(to: secondPort, token: fleet.token())
      let result = try await watch(
        again, id, from: #","recover":true,"offset":\#(offset),"epoch":"\#(epoch)""#)
      #expect(result["recovered"]?.bool == true)
      _ = try await again.event(where: isIn("completed"))
    }
  }

  @Test("makes every watcher whole after Redis was killed and came back")
  func killedRedis() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway()
      _ = try await fleet.worker()
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let id = try await submit(client, gate)
      _ = try await watch(client, id)
      _ = try await client.event(where: isAt(50))
      await fleet.redis.kill()
      try await fleet.redis.restart()
      gate.lift()
      let end = try await client.event(where: isIn("completed"))
      #expect(end["id"]?.string == id)
    }
  }

  @Test("goes on with an empty Redis: the old run is killed, new jobs run, the old one is unknown")
  func emptyRedis() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway()
      _ = try await fleet.worker()
      let gate = Gate(in: fleet.folder)
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let lost = try await submit(client, gate)
      _ = try await watch(client, lost)
      _ = try await client.event(where: isAt(50))
      // What a fail-over to an empty replica is to those who were connected.
      try await fleet.redis.ask(RedisCommand("FLUSHALL"))
      for type in ["normal", "pubsub"] {
        try await fleet.redis.ask(RedisCommand("CLIENT", "KILL", "TYPE", type))
      }
      let next = Gate(in: fleet.folder)
      next.lift()
      var reply = try await client.rpc(
        "job.submit", #"{"kind":"steps","payload":{"gate":"\#(next.path)"},"watch":true}"#)
      while reply["error"]?["code"]?.int == 503 {
        await pause(.milliseconds(100))
        reply = try await client.rpc(
          "job.submit", #"{"kind":"steps","payload":{"gate":"\#(next.path)"},"watch":true}"#)
      }
      let id = try #require(reply["rpc"]?["data"]?["job"]?["id"]?.string, "\(reply.text)")
      _ = try await client.event { $0["id"]?.string == id && $0["state"]?.string == "completed" }
      let unknown = try await client.rpc("job.get", #"{"id":"\#(lost)"}"#)
      #expect(unknown["error"]?["code"]?.int == 404)
      let other = try await JobClient.connect(to: port, token: fleet.token())
      let subscribed = try await other.call("subscribe", #"{"channel":"job:\#(lost)"}"#)
      #expect(subscribed["error"]?["code"]?.int == 102)
    }
  }

  @Test("has one budget a user for all gateways, sockets and HTTP")
  func budget() async throws {
    let fleet = try await Fleet()
    do {
      let (_, first) = try await fleet.gateway()
      let (_, second) = try await fleet.gateway()
      let token = try fleet.token()
      let one = try await JobClient.connect(to: first, token: token)
      let two = try await JobClient.connect(to: second, token: token)
      for _ in 0..<4 { #expect(try await one.rpc("job.list")["rpc"] != nil) }
      for _ in 0..<3 { #expect(try await two.rpc("job.list")["rpc"] != nil) }
      for port in [first, second, first] {
        #expect(try await list(at: port, token).status == 200)
      }
      let refusedSocket = try await one.rpc("job.list")
      #expect(refusedSocket["error"]?["code"]?.int == 111)
      let refused = try await list(at: second, token)
      #expect(refused.status == 429)
      let wait = try #require(refused.headers["retry-after"].flatMap { Int($0) })
      #expect((1...60).contains(wait))
      #expect(refused.headers["ratelimit"]?.hasPrefix("\"requests\";r=0;t=") == true)
      // Another user is not concerned.
      #expect(try await list(at: second, fleet.token("bob")).status == 200)
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  private func list(at port: Int, _ token: String) async throws -> HTTPAnswer {
    let socket = try await RawSocket.connect(to: port)
    try await socket.send(
      "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n"
        + "Connection: close\r\n\r\n")
    let answer = try await socket.receiveAnswer()
    await socket.close()
    return answer
  }
}

import EventLoop
import Foundation
import Gateway
import Jobs
import Logging
import Redis
import Support
import Testing

@Suite("Large payloads on one Redis", .timeLimit(.minutes(3))) struct PayloadTests {
  private static let measuring = """
    [[workers.commands]]
    name = "measure"
    program = "/bin/sh"
    arguments = ["-c", '''printf '{{"result":%s}}\\n' "$(wc -c)"''']
    payload = "stdin"
    progress = "json"
    """

  private func withFleet(_ body: (Fleet) async throws -> Void) async throws {
    let fleet = try await Fleet(extra: Self.measuring)
    do { try await body(fleet) } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  /// What a gateway answers to a job with a payload of 40 000 bytes, watched.
  @EventLoop private func answer(_ client: JobClient) async throws -> JSONValue {
    let payload = "\"\(String(repeating: "x", count: 39_998))\""
    return try await client.rpc(
      "job.submit",
      #"{"kind":"measure","payload":\#(payload),"watch":true,"max_attempts":50,"#
        + #""retry":{"growth":"fixed","base":0.2,"jitter":0}}"#)
  }

  @EventLoop private func submit(_ client: JobClient) async throws -> String {
    let reply = try await answer(client)
    return try #require(reply["rpc"]?["data"]?["job"]?["id"]?.string, "\(reply.text)")
  }

  private func isIn(_ state: String) -> (JSONValue) -> Bool { { $0["state"]?.string == state } }

  @Test("pass Redis by: a worker of another process reads them from the folder that both share")
  func run() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let id = try await submit(client)
      for key in try await fleet.redis.ask(RedisCommand("KEYS", "*")).elements?.compactMap(\.text) ?? [] {
        let size = try await fleet.redis.ask(RedisCommand("MEMORY", "USAGE", key)).integer ?? 0
        #expect(size < 10_000, "\(key)")
      }
      _ = try await fleet.worker()
      let end = try await client.event(where: isIn("completed"))
      #expect(end["result"]?.int == 40_000)
      let record = try await client.rpc("job.get", #"{"id":"\#(id)"}"#)
      #expect(record["rpc"]?["data"]?["job"]?["payload"]?.string?.utf8.count == 39_998)
    }
  }

  @Test("fail where a worker has a folder of its own, saying so, and run where it is shared")
  func unshared() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let alone = try await fleet.worker(
        environment: ["FANFARE_ARTIFACTS_FOLDER": fleet.folder.path("elsewhere")])
      _ = try await submit(client)
      let failed = try await client.event(where: isIn("retrying"))
      #expect(failed["error"]?["code"]?.string == "payload_missing")
      #expect(failed["error"]?["message"]?.string?.contains("artifacts.folder") == true)
      await alone.end()
      _ = try await fleet.worker()
      let end = try await client.event(where: isIn("completed"))
      #expect(end["result"]?.int == 40_000)
    }
  }

  @Test("that are gone are told by the doctor, and by a gateway's maintenance")
  func gone() async throws {
    try await withFleet { fleet in
      let (_, port) = try await fleet.gateway()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let ids = [try await submit(client), try await submit(client)]
      func doctor() async throws -> (lines: [String], status: Int32) {
        let process = try SpawnedProcess(
          FanfareProcess.binary, ["doctor", "--config", fleet.configuration],
          environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": fleet.folder.path("home")])
        var lines: [String] = []
        for await line in process.lines { lines.append(line) }
        return (lines, await process.ended())
      }
      let well = try await doctor()
      #expect(well.status == 0 && well.lines.count == 1, "\(well.lines)")
      let folder = fleet.folder.path("state/files/payloads")
      let names = FileManager.default.enumerator(atPath: folder)?.allObjects.compactMap { $0 as? String } ?? []
      let name = try #require(names.first { $0.contains(ids[0]) && $0.contains("/") })
      try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      let found = try await doctor()
      #expect(found.status == 1)
      #expect(found.lines.first?.hasPrefix("missing_payload  \(ids[0])  its payload is not in this store") == true)
      #expect(found.lines.last?.hasSuffix("found 1, mended 0.") == true, "\(found.lines)")
      let root = try await JobClient.connect(to: port, token: fleet.token("root", [.admin]))
      let audit = try await root.rpc("maintenance.run", "{}")["rpc"]?["data"]?["audit"]
      #expect(audit?["found"]?.int == 1 && audit?["findings"]?.array?.first?["subject"]?.string == ids[0])
    }
  }

  @Test("whose gateway was killed before their job was accepted are swept by the next")
  func killedBetween() async throws {
    try await withFleet { fleet in
      let (gateway, port) = try await fleet.gateway()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      let known = try await submit(client)
      // The payload is kept, and Redis takes no job.
      _ = try await fleet.redis.ask(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
      let refused = try await answer(client)
      #expect(refused["error"]?["code"]?.int == 503, "\(refused.text)")
      await gateway.end(SIGKILL)
      _ = try await fleet.redis.ask(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
      #expect(files(in: fleet).count == 2 && files(in: fleet).contains(known))
      try await sweep(fleet)
      #expect(files(in: fleet) == [known])
    }
  }

  private func files(in fleet: Fleet) -> Set<String> {
    let names = FileManager.default.enumerator(atPath: fleet.folder.path("state/files/payloads"))
    return Set(
      (names?.allObjects ?? []).compactMap { $0 as? String }.filter { $0.contains("/") }
        .map { String($0.suffix(36)) })
  }

  /// As a gateway does it, two days later.
  @EventLoop private func sweep(_ fleet: Fleet) async throws {
    let payloads = PayloadStore(files: ArtifactStore(root: fleet.folder.path("state/files")))
    let broker = RedisBroker(
      endpoint: fleet.redis.endpoint, prefix: Fleet.prefix, logger: Logger(label: "test"))
    try await broker.start()
    let day = Duration.seconds(24 * 3600)
    #expect(try await payloads.sweep(olderThan: day, now: .now + day * 2, knownTo: broker) == 1)
    await broker.close()
  }
}

import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

/// A gateway with `broker.fallback = "local"` whose Redis is killed and comes back.
@Suite("A gateway whose Redis goes away", .timeLimit(.minutes(3))) struct FallbackTests {
  private func isDelivery(_ isDelivering: Bool) -> (JSONValue) -> Bool {
    { $0["event"]?.string == "delivery" && $0["delivering"]?.bool == isDelivering }
  }

  @Test("tells its watchers, runs what it accepts, keeps on through the absence, and hands over")
  func absence() async throws {
    let fleet = try await Fleet(
      extra: """
        [[workers.commands]]
        name = "short"
        program = "/bin/sh"
        arguments = ["-c", "true"]
        [admission]
        requests = 10000
        """,
      broker: #"fallback = "local""#, embedded: 2)
    do { try await body(fleet) } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  @EventLoop private func submit(_ client: JobClient, _ data: String) async throws -> JSONValue {
    while true {
      let reply = try await client.rpc("job.submit", data)
      if let answer = reply["rpc"]?["data"] { return answer }
      // The very moment in which Redis went, and nobody knew it yet.
      try #require(reply["error"]?["temporary"]?.bool == true, "\(reply.text)")
    }
  }

  @EventLoop private func body(_ fleet: Fleet) async throws {
    let (gateway, port) = try await fleet.gateway()
    let client = try await JobClient.connect(to: port, token: fleet.token())
    // One that waits in a queue that nobody serves, watched over the absence.
    let data = #"{"kind":"short","queue":"elsewhere","watch":true}"#
    let waiting = try #require(try await submit(client, data)["job"]?["id"]?.string)

    await fleet.redis.kill()
    let interrupted = try await client.event(where: isDelivery(false))
    #expect(interrupted["id"]?.string == waiting)

    let local = try await submit(client, #"{"kind":"short","watch":true}"#)
    #expect(local["durability"]?.string == "local", "\(local.text)")
    let id = try #require(local["job"]?["id"]?.string)
    let end = try await client.event(where: { $0["id"]?.string == id && $0["state"]?.string == "completed" })
    #expect(end["attempt"]?.int == 1)
    // Operators are told what is: that Redis is away, and that somebody works here.
    let root = try await JobClient.connect(to: port, token: fleet.token("root", [.admin]))
    let health = try #require(try await root.rpc("health", "{}")["rpc"]?["data"])
    #expect(health["status"]?.string == "degraded", "\(health.text)")
    #expect(health["alerts"]?.array?.map { $0["condition"]?.string } == ["broker"], "\(health.text)")
    #expect(health["workers"]?["live"]?.int == 1)
    let workers = try await root.rpc("worker.list", "{}")["rpc"]?["data"]?["workers"]?.array
    #expect(workers?.map { $0["lost"]?.bool ?? false } == [false])
    // Who comes now is told as those who were there.
    let late = try await JobClient.connect(to: port, token: fleet.token())
    _ = try await late.call("subscribe", #"{"channel":"user:alice"}"#)
    _ = try await late.event(where: isDelivery(false))

    try await fleet.redis.restart()
    let back = try await client.event(where: isDelivery(true))
    #expect(back["id"]?.string == waiting)
    _ = try await late.event(where: isDelivery(true))
    let cancelled = try await client.rpc("job.cancel", #"{"id":"\#(waiting)"}"#)
    #expect(cancelled["error"] == nil, "\(cancelled.text)")
    _ = try await client.event(where: { $0["id"]?.string == waiting && $0["state"]?.string == "cancelled" })
    #expect(client.events.count { $0["id"]?.string == id && $0["event"]?.string == "delivery" } == 0)

    // Another, with a folder of its own, has it from Redis alone, once it is handed over.
    let (_, other) = try await fleet.gateway(folder: fleet.folder.path("other"))
    let reader = try await JobClient.connect(to: other, token: fleet.token())
    while true {
      let record = try await reader.rpc("job.get", #"{"id":"\#(id)"}"#)
      if let job = record["rpc"]?["data"]?["job"] {
        #expect(job["state"]?.string == "completed", "\(record.text)")
        break
      }
      await pause(.milliseconds(50))
    }
    await gateway.end(SIGTERM)
  }
}

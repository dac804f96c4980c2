import EventLoop
import Foundation
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The doctor", .timeLimit(.minutes(2))) struct DoctorTests {
  /// Runs `fanfare doctor` beside a fleet; gives its lines and its status.
  private func doctor(_ fleet: Fleet, _ words: String...) async throws -> (lines: [String], status: Int32) {
    let process = try SpawnedProcess(
      FanfareProcess.binary,
      ["doctor", "--broker", fleet.redis.url, "--set", "broker.prefix=\(Fleet.prefix)", "--folder"]
        + [fleet.folder.path("doctor")] + words,
      environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": fleet.folder.path("home")])
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    return (lines, await process.ended())
  }

  @Test("finds what was put out of order by hand, mends it, and then finds nothing")
  func repair() async throws {
    let fleet = try await Fleet()
    do {
      let (_, port) = try await fleet.gateway()
      let client = try await JobClient.connect(to: port, token: fleet.token())
      var jobs: [String] = []
      for _ in 0..<3 {
        let reply = try await client.rpc("job.submit", #"{"kind":"steps","payload":{"gate":"/dev/null"}}"#)
        jobs.append(try #require(reply["rpc"]?["data"]?["job"]?["id"]?.string))
      }
      let well = try await doctor(fleet)
      #expect(well.status == 0)
      #expect(well.lines.last?.hasSuffix("found 0, mended 0.") == true, "\(well.lines)")

      let keys = RedisKeys(prefix: Fleet.prefix, partition: 0)
      var take = RedisCommand("ZPOPMIN")
      take.append(keys.key(.waiting, "default"))
      let taken = try await fleet.redis.ask(take)
      #expect(taken.elements?.count == 2, "there was a waiting job to take out of its line")
      var count = RedisCommand("HINCRBY")
      count.append(keys.key(.counters, "default"))
      count.append("w5")
      count.append("7")
      _ = try await fleet.redis.ask(count)

      let found = try await doctor(fleet, "--json")
      #expect(found.status == 1)
      let report = try JSONDocument(bytes: Array((found.lines.first ?? "").utf8)).root
      let kinds = Set(report["findings"]?.array?.compactMap { $0["kind"]?.string } ?? [])
      #expect(kinds == ["misplaced_job", "wrong_count"], "\(report.text)")
      #expect(report["findings"]?.array?.contains { $0["subject"]?.string == jobs[0] } == true)
      #expect(report["mended"]?.int == 0 && report["left"]?.int == report["found"]?.int)

      let mended = try await doctor(fleet, "--repair")
      #expect(mended.status == 0, "\(mended.lines)")
      #expect(mended.lines.dropLast().allSatisfy { $0.hasSuffix("  (mended)") })
      #expect(mended.lines.count >= 3)
      let again = try await doctor(fleet)
      #expect(again.status == 0)
      #expect(again.lines.count == 1)

      // A client anew: nobody answered the gateway's pings for the first one while the doctor was at work.
      let watcher = try await JobClient.connect(to: port, token: fleet.token())
      _ = try await watcher.call("subscribe", #"{"channel":"job:\#(jobs[0])"}"#)
      _ = try await fleet.worker()
      _ = try await watcher.event { $0["id"]?.string == jobs[0] && $0["state"]?.string == "completed" }
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }

  @Test("says so where it could not look")
  func away() async throws {
    let fleet = try await Fleet()
    await fleet.redis.kill()
    let away = try await doctor(fleet)
    #expect(away.status == 2)
    #expect(
      away.lines.contains { $0.hasPrefix("fanfare: the broker ") && $0.hasSuffix(" cannot be reached") })
    await fleet.end()
  }
}

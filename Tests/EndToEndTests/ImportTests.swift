import Foundation
import Support
import Testing

/// `fanfare import` as it is mistyped; what it does is tested with the real packages, in Python.
@Suite("The import's command line", .timeLimit(.minutes(1))) struct ImportTests {
  private func run(_ words: [String], _ environment: [String: String] = [:]) async throws -> (
    lines: [String], status: Int32
  ) {
    let folder = TemporaryFolder()
    let process = try SpawnedProcess(
      FanfareProcess.binary, ["import"] + words + ["--folder", folder.path("state")],
      environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder.path("home")].merging(environment) { $1 })
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    return (lines, await process.ended())
  }

  @Test(
    "says what it found and what it wanted",
    arguments: [
      (["rq"], "where is the other system's Redis?"), (["bull", "--from", "http://x"], "--from: wanted an address"),
      (["rq", "--from", "redis://x", "--map", "f"], "--map: found \"f\"; wanted name=kind"),
      (["rq", "--from", "redis://x", "--user-from", "id"], "--user-from: found \"id\"; wanted a pointer"),
      (["bull", "--from", "redis://x", "--priority", "11"], "--priority: found 11; wanted 1 to 10"),
      (["bull", "--from", "redis://x", "--queue", "a b"], "--queue: found \"a b\""),
      (["rq", "--from", "unix:///nowhere/redis.sock"], "the Redis unix:///nowhere/redis.sock?db=0 cannot be reached"),
    ])
  func faults(words: [String], told: String) async throws {
    let (lines, status) = try await run(words)
    #expect(status == 2)
    #expect(lines.last?.hasPrefix("fanfare: ") == true && lines.last?.contains(told) == true, "\(lines)")
  }

  @Test("finds nothing in an empty Redis, named by REDIS_URL, and leaves nothing")
  func empty() async throws {
    let redis = try await RedisServer.start()
    for system in ["rq", "bull"] {
      let (lines, status) = try await run([system], ["REDIS_URL": redis.url])
      #expect(status == 0)
      #expect(lines.contains("There are no queues."), "\(lines)")
    }
  }
}

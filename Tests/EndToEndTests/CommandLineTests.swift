import Foundation
import Jobs
import Support
import Testing

/// The commands that ask a gateway, each a process of its own, against one that was started with a
/// folder of its own.
@Suite("The command line", .timeLimit(.minutes(3))) struct CommandLineTests {
  private struct Desk {
    var folder: TemporaryFolder
    var port: Int

    /// Runs a command as a user would; gives its lines and its status.
    func run(_ words: String...) async throws -> (lines: [String], status: Int32) {
      let process = try SpawnedProcess(
        FanfareProcess.binary,
        words + ["--url", "http://127.0.0.1:\(port)", "--folder", folder.path("state")],
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder.path("home")])
      var lines: [String] = []
      for await line in process.lines { lines.append(line) }
      return (lines, await process.ended())
    }
  }

  private func withGateway(
    _ flags: [String] = [], _ body: (Desk, [String]) async throws -> Void
  ) async throws {
    let folder = TemporaryFolder()
    let gateway = try await FanfareProcess.start(
      [
        "serve", "--port", "0", "--workers", "0", "--folder", folder.path("state"), "--set",
        "admission.requests=10000",
      ] + flags, environment: ["HOME": folder.path("home")], until: "(user ")
    let banner = await gateway.banner
    let page = banner.first { $0.contains("  page") } ?? ""
    let port = try #require(page.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) })
    do {
      try await body(Desk(folder: folder, port: port), banner)
    } catch {
      await gateway.end(SIGKILL)
      throw error
    }
    await gateway.end()
  }

  @Test("finds the key of a gateway that was started with a folder, and hints say so")
  func folder() async throws {
    try await withGateway { desk, banner in
      let state = desk.folder.path("state")
      #expect(banner.contains { $0.contains("another: fanfare token --folder \(state) --user NAME") })
      let submitted = try await desk.run("submit", "echo")
      #expect(submitted.status == 0)
      #expect(JobID(submitted.lines.first ?? "") != nil)
      let process = try SpawnedProcess(
        FanfareProcess.binary, ["jobs", "list", "--url", "http://127.0.0.1:\(desk.port)"],
        environment: ["HOME": desk.folder.path("home")])
      var lines: [String] = []
      for await line in process.lines { lines.append(line) }
      #expect(await process.ended() == 2)
      #expect(lines.first?.contains("--folder") == true)
    }
  }

  @Test("handles jobs from one end to the other")
  func jobs() async throws {
    try await withGateway { desk, _ in
      let job = try #require(try await desk.run("submit", "echo", "--delay", "1h").lines.first)
      let list = try await desk.run("jobs")
      #expect(list.lines.first?.hasPrefix("ID") == true)
      #expect(list.lines.dropFirst().first?.hasPrefix("\(job)  scheduled  default  echo") == true)
      #expect(try await desk.run("jobs", "why", job).lines.first?.hasPrefix("Its time has not come. In ") == true)
      #expect(try await desk.run("jobs", "promote", job).lines == ["\(job)  queued  queue default  priority 5"])
      #expect(try await desk.run("jobs", "log", job).lines == [])
      #expect(try await desk.run("jobs", "log", "00000000-0000-8000-8000-000000000000").status == 2)
      #expect(
        try await desk.run("jobs", "reprioritise", "8", job).lines == ["\(job)  queued  queue default  priority 8"])
      #expect(try await desk.run("jobs", "priority", "9", job).lines == ["\(job)  queued  queue default  priority 9"])
      #expect(
        try await desk.run("jobs", "redrive", "--to", "other", job).lines == ["\(job)  queued  queue other  priority 9"]
      )
      #expect(
        try await desk.run("jobs", "show", job).lines.contains { $0.hasPrefix("queue ") && $0.hasSuffix("other") })
      let bulk = try await desk.run("jobs", "bulk", "cancel", "--queue", "other", "--reason", "no more")
      #expect(bulk.lines == ["cancel: 1 jobs, 0 skipped"])
      let refused = try await desk.run("jobs", "promote", job)
      #expect(refused.status == 2)
      #expect(refused.lines == ["fanfare: the gateway refused: The job is cancelled. (409)"])
      #expect(try await desk.run("jobs", "retry", job).lines == ["\(job)  queued  queue other  priority 9"])
      let json = try await desk.run("jobs", "cancel", "--json", job).lines.first ?? ""
      #expect(try JSONDocument(bytes: Array(json.utf8)).root["state"]?.string == "cancelled")
      #expect(try await desk.run("jobs", "remove", job).lines == ["\(job)  removed"])
      #expect(try await desk.run("jobs", "bulk", "cancel").status == 2, "which jobs are meant?")
    }
  }

  @Test("says how many watch a job, and what they got")
  func watchers() async throws {
    try await withGateway { desk, _ in
      let job = try #require(try await desk.run("submit", "echo").lines.first)
      func census() async throws -> [String: Int] {
        let said = try await desk.run("jobs", "watchers", job)
        #expect(said.status == 0)
        let words = said.lines.map { $0.split(separator: " ").map(String.init) }
        #expect(words.map(\.first) == ["watchers", "published", "delivered", "conflated", "recovered", "nodes"])
        return Dictionary(words.map { ($0[0], Int($0[1]) ?? -1) }, uniquingKeysWith: { $1 })
      }
      #expect(
        try await census() == [
          "watchers": 0, "published": 0, "delivered": 0, "conflated": 0, "recovered": 0, "nodes": 1,
        ])
      let watch = try SpawnedProcess(
        FanfareProcess.binary,
        ["watch", job, "--url", "http://127.0.0.1:\(desk.port)", "--folder", desk.folder.path("state")],
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": desk.folder.path("home")])
      var lines = watch.lines.makeAsyncIterator()
      #expect(await lines.next() != nil, "it is told the job as it stands")
      let standing = try await census()
      #expect(standing["watchers"] == 1 && standing["nodes"] == 1 && standing["recovered"] == 0)
      #expect(try await desk.run("jobs", "cancel", job).status == 0)
      #expect(await watch.ended() == 3)
      #expect(try await desk.run("jobs", "watchers", "00000000-0000-8000-8000-000000000000").status == 2)
    }
  }

  @Test("handles queues, workers and health")
  func queues() async throws {
    try await withGateway { desk, _ in
      let set = try await desk.run("queues", "set", "render", "concurrency=5", "defaults.timeout=10m")
      #expect(set.status == 0)
      #expect(set.lines.contains { $0.hasPrefix("concurrency ") && $0.hasSuffix(" 5") })
      #expect(set.lines.contains { $0.hasPrefix("defaults.timeout ") && $0.hasSuffix(" 600") })
      let changed = try await desk.run("queues", "set", "render", "concurrency=null")
      #expect(!changed.lines.contains { $0.hasPrefix("concurrency") })
      #expect(changed.lines.contains { $0.hasPrefix("defaults.timeout ") })
      _ = try await desk.run("submit", "echo", "--queue", "render")
      #expect(try await desk.run("queues", "pause", "render").lines == ["render  paused  1 waiting, 0 running"])
      #expect(try await desk.run("queues").lines.dropFirst().first?.hasPrefix("render  paused  1        0") == true)
      #expect(try await desk.run("queues", "delete", "render").status == 2)
      #expect(try await desk.run("queues", "clear", "render").lines == ["1 jobs removed"])
      #expect(try await desk.run("queues", "stats", "render").lines.contains { $0.hasPrefix("accepted ") })
      #expect(try await desk.run("queues", "stats").lines.contains { $0.hasPrefix("workers.live ") })
      #expect(try await desk.run("queues", "delete", "render").lines == ["render deleted"])
      #expect(try await desk.run("workers").lines == ["Nobody works."])
      #expect(try await desk.run("health").lines == ["healthy"])
      _ = try await desk.run("submit", "echo")
      let health = try await desk.run("health")
      #expect(health.status == 1)
      #expect(health.lines.first == "unhealthy")
    }
  }

  @Test("has a gateway maintain and audit the broker that it holds open")
  func maintenance() async throws {
    try await withGateway(["--set", "broker.lease=10m", "--set", "broker.reap_interval=150s"]) { desk, _ in
      _ = try await desk.run("queues", "set", "default", "defaults.start_within=1s")
      _ = try await desk.run("submit", "echo")
      // Nobody looks by itself for minutes; what is late is failed when it is asked for.
      var done = ""
      while !done.contains("expired 1,") {
        let answer = try await desk.run("maintenance", "--repair")
        try #require(answer.status == 0, "\(answer.lines)")
        #expect(answer.lines.last?.hasSuffix(" found 0, mended 0.") == true)
        done = try #require(answer.lines.first)
      }
      #expect(done == "promoted 0, stalled 0, requeued 0, failed 0, cancelled 0, expired 1, pardoned 0, pruned 0")
      #expect(try await desk.run("jobs", "list", "--state", "failed").lines.count == 2)
    }
  }

  @Test("handles groups, and watches one to its end")
  func groups() async throws {
    try await withGateway { desk, _ in
      let made = try await desk.run("groups", "create", "--name", "Trailers", "--callback", "notify")
      let group = try #require(made.lines.first)
      #expect(GroupID(group) != nil, "\(made.lines)")
      let first = try #require(try await desk.run("submit", "echo", "--group", group, "--weight", "3").lines.first)
      let second = try #require(try await desk.run("submit", "echo", "--group", group).lines.first)
      #expect(
        try await desk.run("groups", "show", group).lines.contains { $0.hasPrefix("name ") && $0.hasSuffix("Trailers") }
      )
      let jobs = try await desk.run("groups", "jobs", group)
      #expect(jobs.lines.dropFirst().map { $0.prefix(36) } == [first[...], second[...]])
      #expect(try await desk.run("groups", "close", group).lines == ["\(group)  0 of 2 jobs ended"])
      let refused = try await desk.run("submit", "echo", "--group", group)
      #expect(refused.status == 2)
      async let watched = desk.run("groups", "watch", group)
      _ = try await desk.run("jobs", "cancel", first, second)
      let (lines, status) = try await watched
      #expect(status == 3, "both were cancelled")
      #expect(lines.last?.hasPrefix("\(group)  100%  finished, 2 cancelled, followed by ") == true, "\(lines)")
      #expect(try await desk.run("groups", "watch", "\(GroupID())").status == 2)
    }
  }

  @Test("lets a gateway back up, and reads what it wrote")
  func backups() async throws {
    try await withGateway(["--set", "backup.interval=0s"]) { desk, _ in
      #expect(try await desk.run("backup", "list").lines == ["There are no backups yet."])
      _ = try await desk.run("submit", "echo")
      let made = try #require(try await desk.run("backup", "now").lines.first)
      let words = try #require(made.wholeMatch(of: /(\S+): 2 entries, 1 of them jobs, (\d+) bytes/), "\(made)")
      let list = try await desk.run("backup", "list").lines
      #expect(list.dropFirst().first?.hasPrefix("\(words.1)  \(words.2)") == true, "\(list)")
      let verify = try SpawnedProcess(
        FanfareProcess.binary, ["backup", "verify", desk.folder.path("state/backups/\(words.1)")], environment: [:])
      var lines: [String] = []
      for await line in verify.lines { lines.append(line) }
      #expect(await verify.ended() == 0)
      #expect(lines.first?.contains("2 entries, 1 of them jobs, \(words.2) bytes") == true, "\(lines)")
    }
  }

  @Test("handles schedules")
  func schedules() async throws {
    try await withGateway { desk, _ in
      #expect(try await desk.run("schedules").lines == ["There are no schedules."])
      let set = try await desk.run(
        "schedules", "set", "nightly", "0 3 * * *", "report", "--time-zone", "Europe/Berlin", "--queue", "reports",
        "--payload", #"{"n":1}"#)
      #expect(set.status == 0)
      #expect(set.lines.first?.wholeMatch(of: /nightly  next 20\d\d-\d\d-\d\dT0[12]:00:00Z/) != nil)
      let list = try await desk.run("schedules").lines
      #expect(list.first?.hasPrefix("SCHEDULE") == true)
      #expect(list.dropFirst().first?.hasPrefix("nightly   0 3 * * *  Europe/Berlin  reports") == true)
      let job = try #require(try await desk.run("schedules", "run", "nightly").lines.first)
      #expect(JobID(job) != nil)
      #expect(try await desk.run("jobs", "show", job).lines.contains(#"payload  {"n":1}"#))
      #expect(try await desk.run("schedules", "disable", "nightly").lines == ["nightly  next disabled"])
      #expect(try await desk.run("schedules", "show", "nightly").lines.contains(#"payload  {"n":1}"#))
      #expect(try await desk.run("schedules", "enable", "nightly").lines == set.lines)
      let refused = try await desk.run("schedules", "set", "other", "61 * * * *", "report")
      #expect(refused.status == 2)
      #expect(refused.lines.first?.contains("minute") == true, "\(refused.lines)")
      #expect(try await desk.run("schedules", "remove", "nightly").lines == ["nightly removed"])
      #expect(try await desk.run("schedules", "remove", "nightly").status == 2)
    }
  }

  @Test("is told how long to wait where the budget of requests is spent")
  func budget() async throws {
    try await withGateway(["--set", "admission.requests=1"]) { desk, _ in
      _ = try await desk.run("jobs")
      let refused = try await desk.run("jobs")
      #expect(refused.status == 2)
      #expect(
        refused.lines.first?.wholeMatch(
          of: /fanfare: the gateway refused: At most 1 requests in any 60 seconds\. Try again in \d+ s\. \(429\)/)
          != nil)
    }
  }
}

import Foundation
import Jobs
import Support
import Testing

/// The monitor of the transcription queue, each of its commands a process of its own.
@Suite("The monitor", .timeLimit(.minutes(3))) struct MonitorTests {
  private struct Desk {
    var folder: TemporaryFolder
    var port: Int
    var token: String

    /// A command as a user would start it; its address as S4's monitor found it.
    func start(_ words: [String], address: [String: String]? = nil) throws -> SpawnedProcess {
      let address = address ?? ["QUEUE_SERVICE_URL": "http://127.0.0.1:\(port)"]
      return try SpawnedProcess(
        FanfareProcess.binary, words + ["--folder", folder.path("state")],
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder.path("home")].merging(address) { $1 })
    }

    func run(_ words: String...) async throws -> (lines: [String], status: Int32) {
      let process = try start(words)
      var lines: [String] = []
      for await line in process.lines { lines.append(line) }
      return (lines, await process.ended())
    }

    /// The id of a new job.
    func submit(_ kind: String) async throws -> String {
      let process = try start(["submit", kind], address: ["FANFARE_URL": "http://127.0.0.1:\(port)"])
      var lines: [String] = []
      for await line in process.lines { lines.append(line) }
      _ = await process.ended()
      return try #require(lines.first)
    }
  }

  private func withGateway(_ flags: [String] = [], _ body: (Desk) async throws -> Void) async throws {
    let folder = TemporaryFolder()
    let gateway = try await FanfareProcess.start(
      [
        "serve", "--port", "0", "--workers", "0", "--folder", folder.path("state"), "--set",
        "admission.requests=10000",
      ] + flags, environment: ["HOME": folder.path("home")], until: "(user ")
    let page = await gateway.banner.first { $0.contains("  page") } ?? ""
    let port = try #require(page.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) })
    let token = await gateway.banner.first { $0.contains("  token") }?.split(separator: " ").last
    do {
      try await body(Desk(folder: folder, port: port, token: String(try #require(token))))
    } catch {
      await gateway.end(SIGKILL)
      throw error
    }
    await gateway.end()
  }

  @Test("lists, shows, cancels, retries and clears tasks, and tells how many there are")
  func tasks() async throws {
    try await withGateway { desk in
      let first = try await desk.submit("transcription")
      let second = try await desk.submit("risk_detection")
      let stats = try await desk.run("monitor", "stats")
      #expect(
        stats.lines == [
          "Total         2", "Queued        2", "Processing    0", "Completed     0", "Failed        0",
          "Cancelled     0", "Success rate  -", "Failure rate  -", stats.lines.dropLast().last,
          "Workers       0 live, 0 of 0 slots busy",
        ])
      #expect(stats.lines.dropLast().last?.hasPrefix("A minute      0.03 accepted, 0") == true)
      let list = try await desk.run("monitor", "list").lines
      #expect(list.first == "TASK                                  STATUS  TYPE            PRIORITY  PROGRESS  AGE")
      #expect(list.dropFirst().map { $0.prefix(36) } == [second[...], first[...]])
      #expect(try await desk.run("monitor", "list", "--limit", "1").lines.count == 2)
      #expect(try await desk.run("monitor", "list", "--status", "processing").lines == ["There are no such tasks."])
      #expect(try await desk.run("monitor", "list", "--status", "queued").lines.count == 3)
      #expect(try await desk.run("monitor", "list", "--status", "waiting").status == 2)
      let shown = try await desk.run("monitor", "show", first).lines
      #expect(shown.first == "status  queued" && shown.contains("payload  {}"))
      #expect(try await desk.run("monitor", "show", "\(JobID())").status == 2)
      #expect(try await desk.run("monitor", "cancel", first).lines == ["Task \(first) is cancelled"])
      #expect(try await desk.run("monitor", "retry", first).lines == ["Task \(first) is queued"])
      #expect(try await desk.run("monitor", "retry", first).status == 2, "it has not ended")
      #expect(try await desk.run("monitor", "cancel", first).lines == ["Task \(first) is cancelled"])
      #expect(try await desk.run("monitor", "clear").lines == ["Cleared 0 tasks"], "a day has not gone by")
      #expect(try await desk.run("monitor", "clear", "--hours", "0").lines == ["Cleared 1 task"])
      #expect(try await desk.run("monitor", "clear", "--hours", "-1").status != 0)
      #expect(try await desk.run("monitor", "stats").lines.first == "Total         1")
      let other = try await desk.submit("render")
      #expect(try await desk.run("monitor", "cancel", other).status == 0)
      #expect(try await desk.run("monitor", "clear", "--hours", "0").lines == ["Cleared 0 tasks"], "it is no task")
      let backup = try #require(try await desk.run("monitor", "backup").lines.first)
      #expect(backup.hasPrefix("Backup ") && backup.hasSuffix(": 2 tasks"))
    }
  }

  @Test("clears all pages")
  func pages() async throws {
    try await withGateway { desk in
      let client = try await JobClient.connect(to: desk.port, token: desk.token)
      // Two pages hold 200 each.
      for _ in 0..<205 { _ = try await client.rpc("job.submit", #"{"kind":"transcription"}"#) }
      let cancelled = try desk.start(
        ["jobs", "bulk", "cancel", "--all"], address: ["FANFARE_URL": "http://127.0.0.1:\(desk.port)"])
      #expect(await cancelled.ended() == 0)
      #expect(try await desk.run("monitor", "clear", "--hours", "0").lines == ["Cleared 205 tasks"])
    }
  }

  @Test("watches in lines where there is no terminal, until Ctrl-C")
  func watch() async throws {
    try await withGateway { desk in
      let watch = try desk.start(["monitor", "watch", "--interval", "0.1"])
      var lines = watch.lines.makeAsyncIterator()
      let first = try #require(await lines.next())
      #expect(first.hasSuffix("total 0  queued 0  processing 0  completed 0  failed 0  cancelled 0  workers 0"))
      _ = try await desk.submit("transcription")
      while let line = await lines.next(), !line.contains("total 1  queued 1") {}
      watch.signal(SIGINT)
      while await lines.next() != nil {}
      #expect(await watch.ended() == 0)
    }
  }

  @Test("waits where the budget of requests is spent")
  func budget() async throws {
    try await withGateway(["--set", "admission.requests=1", "--set", "admission.window=1s"]) { desk in
      let watch = try desk.start(["monitor", "watch", "--interval", "0.1"])
      var lines = watch.lines.makeAsyncIterator()
      var (looks, refusals) = (0, 0)
      while looks < 2, let line = await lines.next() {
        if line.contains("total 0") { looks += 1 } else if line.contains("At most 1 requests") { refusals += 1 }
      }
      #expect(looks == 2 && refusals > 0)
      watch.signal(SIGINT)
      while await lines.next() != nil {}
      #expect(await watch.ended() == 0)
    }
  }
}

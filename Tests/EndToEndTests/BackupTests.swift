import Foundation
import Jobs
import Support
import Testing

/// Backups and restores as an operator has them: by processes and signals.
@Suite("Backups", .timeLimit(.minutes(3))) struct BackupTests {
  private let folder = TemporaryFolder()
  private var state: String { folder.path("state") }
  private var environment: [String: String] {
    ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder.path("home")]
  }

  private func serve(_ flags: String...) async throws -> (process: FanfareProcess, url: String) {
    let gateway = try await FanfareProcess.start(
      [
        "serve", "--port", "0", "--workers", "0", "--folder", state, "--set", "admission.requests=10000", "--set",
        "backup.interval=1h",
      ] + flags, environment: environment, until: "(user ")
    let page = await gateway.banner.first { $0.contains("  page") } ?? ""
    let port = try #require(page.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) })
    return (gateway, "http://127.0.0.1:\(port)")
  }

  private func run(_ words: String...) async throws -> (lines: [String], status: Int32) {
    let process = try SpawnedProcess(FanfareProcess.binary, words, environment: environment)
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    return (lines, await process.ended())
  }

  private func submit(to url: String) async throws -> String {
    try #require(try await run("submit", "echo", "--url", url, "--folder", state).lines.first)
  }

  private var backups: [String] {
    (try? BackupKeeper.wholeBackups(in: "\(state)/backups")) ?? []
  }

  @Test("are written by SIGTERM, restored by a command, and behind a crash written by the next start")
  func life() async throws {
    var gateway = try await serve()
    let job = try await submit(to: gateway.url)
    #expect(await gateway.process.end(SIGTERM) == 0)
    let name = try #require(backups.first)
    #expect(backups.count == 1)
    #expect(
      try await run("backup", "verify", "\(state)/backups/\(name)").lines.first?.contains("1 of them jobs") == true)

    // What was lost comes back.
    try FileManager.default.removeItem(atPath: "\(state)/jobs")
    let restored = try await run("restore", "--folder", state)
    #expect(restored.status == 0, "\(restored.lines)")
    #expect(restored.lines.last?.hasPrefix("Restored 2, known 0, duplicates 0.") == true, "\(restored.lines)")
    #expect(backups.isEmpty && FileManager.default.fileExists(atPath: "\(state)/backups/\(name).restored"))
    let again = try await run("restore", "\(state)/backups/\(name).restored", "--folder", state)
    #expect(again.lines.last?.hasPrefix("Restored 0, known 2,") == true, "\(again.lines)")

    gateway = try await serve()
    let found = try await run("jobs", "show", job, "--url", gateway.url, "--folder", state)
    #expect(found.status == 0, "\(found.lines)")
    await gateway.process.end(SIGKILL)
    #expect(backups.isEmpty, "nobody could write one")
    gateway = try await serve("--set", "log.format=json", "--set", "backup.interval=0s")
    #expect(backups.count == 1, "it stands before the gateway serves")
    let warning = try #require(
      await gateway.process.banner.first { $0.contains("the last process did not end in order") })
    let line = try JSONDocument(bytes: Array(warning.utf8)).root
    #expect(line["level"]?.string == "warning" && line["label"]?.string == "fanfare")
    await gateway.process.end(SIGTERM)
  }

  @Test("are taken in by a gateway that runs, and by one that starts with nothing")
  func living() async throws {
    var gateway = try await serve()
    let job = try await submit(to: gateway.url)
    _ = try await run("backup", "now", "--url", gateway.url, "--folder", state)
    let name = try #require(backups.first)
    _ = try await run("jobs", "remove", job, "--url", gateway.url, "--folder", state)
    let done = try await run("backup", "restore", name, "--url", gateway.url, "--folder", state)
    #expect(done.lines == ["Restored 1, known 1, duplicates 0. The file is now \(name).restored."], "\(done.lines)")
    #expect(try await run("jobs", "show", job, "--url", gateway.url, "--folder", state).status == 0)
    let none = try await run("backup", "restore", name, "--url", gateway.url, "--folder", state)
    #expect(none.status == 2 && none.lines.first?.contains("There is no such backup.") == true, "\(none.lines)")
    #expect(await gateway.process.end(SIGINT) == 0)
    #expect(backups.count == 1)

    try FileManager.default.removeItem(atPath: "\(state)/jobs")
    gateway = try await serve("--set", "backup.restore=true")
    #expect(await gateway.process.banner.contains { $0.hasPrefix("Restored 2 entries of ") })
    #expect(try await run("jobs", "show", job, "--url", gateway.url, "--folder", state).status == 0)
    await gateway.process.end(SIGTERM)
  }
}

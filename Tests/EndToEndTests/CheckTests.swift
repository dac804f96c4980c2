import Foundation
import Support
import Testing

@Suite("fanfare check") struct CheckTests {
  @Test("tells every placeholder that there is not, and ends with 1")
  func placeholders() async throws {
    let folder = TemporaryFolder()
    let file = try folder.write(
      """
      [[workers.commands]]
      name = "a"
      program = "b"
      arguments = ["{job.id}", "{payload.size}", "{nope}", "}"]
      """, to: "config.toml")
    let process = try SpawnedProcess(
      FanfareProcess.binary, ["check", "--config", file], environment: ["HOME": folder.path("home")])
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    #expect(await process.ended() == 1)
    #expect(lines.count == 3, "\(lines)")
    #expect(
      lines.contains { $0.contains(#"workers.commands[0].arguments[2]: found "{nope}"; wanted {job.id}"#) })
    #expect(lines.contains { $0.contains(#"workers.commands[0].arguments[3]: found "}""#) })
  }

  @Test("tells a kind whose program is not installed, and nothing starts with it", arguments: ["check", "serve"])
  func missingProgram(_ command: String) async throws {
    let folder = TemporaryFolder()
    let file = try folder.write(
      """
      [gateway]
      port = 0
      [workers.demucs]
      enabled = true
      program = "\(folder.path("demucs"))"
      """, to: "config.toml")
    let process = try SpawnedProcess(
      FanfareProcess.binary, [command, "--config", file], environment: ["HOME": folder.path("home")])
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    #expect(await process.ended() != 0)
    #expect(lines.contains { $0.contains("workers.demucs.program") && $0.contains("install it") }, "\(lines)")
  }
}

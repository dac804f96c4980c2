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
}

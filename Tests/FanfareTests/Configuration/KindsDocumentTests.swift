import Foundation
import Jobs
import Testing
import Workers

@testable import Fanfare

/// docs/kinds.md shows how kinds are configured: its examples must read, and make the kinds that they name.
@Suite("docs/kinds.md") struct KindsDocumentTests {
  private static let text = try! String(
    contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/kinds.md"),
    encoding: .utf8)

  @Test("gives examples that make kinds, each with a queue of its own")
  func examples() throws {
    let examples = Self.text.matches(of: /```toml\n([^`]*)```/).map { String($0.1) }
    var file = ConfigurationFile()
    file.read(examples.joined(separator: "\n"), from: "docs/kinds.md")
    #expect(file.faults.isEmpty && file.configuration.contradictions.isEmpty)
    let names = [
      "transcription", "risk_detection", "ingest", "transcribe", "vision", "scoring", "render", "publish",
      "notification",
    ]
    #expect(file.configuration.workers.commands.map(\.name) == names)
    #expect(file.configuration.workers.served == ["default"] + names)
    let kinds = try WorkerRegistry(file.configuration).kinds.map(\.description)
    #expect(Set(kinds) == Set(names + ["ffmpeg", "slideshow"]))
  }
}

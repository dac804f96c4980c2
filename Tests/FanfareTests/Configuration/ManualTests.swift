import Foundation
import Testing

@testable import Fanfare

/// config.toml is the manual: it cannot leave a key out, invent one, or state another default.
@Suite("config.toml") struct ManualTests {
  private static let text = try! String(
    contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "config.toml"),
    encoding: .utf8)

  /// The manual with its examples taken in: `#[[table]]` and `#key = value`.
  private static let withExamples = text.split(separator: "\n", omittingEmptySubsequences: false)
    .map { $0.wholeMatch(of: /#(\[\[.*|[a-z].*)/).map { "\($0.1)" } ?? String($0) }
    .joined(separator: "\n")

  @Test("states the defaults")
  func defaults() {
    var file = ConfigurationFile()
    file.read(Self.text, from: "config.toml")
    #expect(file.faults.isEmpty)
    #expect(file.configuration == Configuration())
  }

  @Test(
    "states every key that the code knows, once, and no other",
    arguments: Configuration.tables.map(\.name))
  func keys(of table: String) throws {
    let known = try #require(Configuration.tables.first { $0.name == table })
    var written: [String] = []
    var current = ""
    for line in Self.withExamples.split(separator: "\n") {
      if let head = line.wholeMatch(of: /\[+([a-z_.]+)\]+/) {
        current = String(head.1)
      } else if current == table, let key = line.prefixMatch(of: #/([a-z_]+) = /#) {
        written.append(String(key.1))
      }
    }
    #expect(written.sorted() == known.keys.sorted())
  }

  @Test("says a sentence before every key")
  func sentences() {
    let lines = Self.withExamples.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where line.prefixMatch(of: #/[a-z_]+ = /#) != nil {
      #expect(index > 0 && lines[index - 1].hasPrefix("# "), "\(line)")
    }
  }

  @Test("gives examples that read, with the defaults of their tables")
  func examples() throws {
    var file = ConfigurationFile()
    file.read(
      Self.withExamples.replacing("name = \"transcribe\"", with: "name = \"\"")
        .replacing("program = \"transcribe\"", with: "program = \"\""), from: "config.toml")
    // An empty name or program is refused as a value; everything else is a default.
    #expect(file.faults.map(\.key) == ["workers.commands[0].name", "workers.commands[0].program"])
    #expect(file.configuration.workers.commands == [CommandKindConfiguration()])
    #expect(file.configuration.admission.keys == [KeyConfiguration()])
  }
}

import Foundation
import Testing

/// docs/threat-model.md says of each threat and of each laxness of libwebsockets which test refuses it: such a test must exist.
@Suite("The threat model") struct ThreatModelTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test("names tests that exist")
  func tests() throws {
    let named = try Self.text("docs/threat-model.md").matches(of: /`([A-Za-z]+Tests)\.([A-Za-z0-9]+)`/)
    #expect(named.count > 30)
    for match in named {
      let folders =
        ["Transport", "Session", "Admission", "Webhooks"].map { "GatewayTests/\($0)" } + [
          "WebTests", "WorkersTests/Kinds",
        ]
      let source = folders.lazy.compactMap {
        try? Self.text("Tests/\($0)/\(match.1).swift")
      }.first
      #expect(source?.contains("func \(match.2)(") == true, "\(match.0)")
    }
  }

  @Test("says of every laxness of the library what stands in front of it")
  func rows() throws {
    let section = try #require(
      try Self.text("docs/threat-model.md").components(separatedBy: "## What the library does").last)
    let table = try #require(section.components(separatedBy: "\nWhile a socket takes nothing").first)
    let rows = table.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
    #expect(rows.count > 30)
    for row in rows {
      let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      #expect(cells.count == 3 && cells.allSatisfy { !$0.isEmpty }, "\(row)")
    }
  }
}

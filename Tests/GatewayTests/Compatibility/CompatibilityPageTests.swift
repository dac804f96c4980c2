import Foundation
import Gateway
import Testing

/// docs/compatibility.md says for each line of the five contracts what proves it: nothing there may be a mere word.
@Suite("docs/compatibility.md") struct CompatibilityPageTests {
  private struct Row {
    var number: String
    var what: String
    var how: String
    var proof: String
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static let rows: [Row] = {
    guard let page = try? String(contentsOf: root.appending(path: "docs/compatibility.md"), encoding: .utf8) else {
      preconditionFailure("docs/compatibility.md cannot be read")
    }
    return page.split(separator: "\n").filter { $0.hasPrefix("| S") }.map { line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      return Row(number: cells[0], what: cells[1], how: cells[2], proof: cells[3])
    }
  }()

  @Test("has one row for each line of each contract, in order")
  func numbers() {
    let counts = [32, 31, 26, 47, 29]
    let wanted = counts.enumerated().flatMap { index, count in (1...count).map { "S\(index + 1).\($0)" } }
    #expect(Self.rows.map(\.number) == wanted)
    for row in Self.rows {
      #expect(["done", "differently", "documented"].contains(row.how), "\(row.number)")
      #expect(!row.what.isEmpty, "\(row.number)")
    }
  }

  @Test("names a proof for each that there is: a scene with that number, a suite, or a page")
  func proofs() throws {
    let names = Self.files(below: "Tests")
    for row in Self.rows {
      let proof = row.proof.replacing("`", with: "")
      if proof.hasSuffix(".txt") {
        let scenes = LegacyTranscript.all.filter { "\($0.api).txt" == proof && $0.numbers.contains(row.number) }
        #expect(!scenes.isEmpty, "\(row.number): no scene of \(proof) shows it")
      } else if proof.hasSuffix(".md") {
        #expect(FileManager.default.fileExists(atPath: Self.root.appending(path: proof).path), "\(row.number)")
      } else {
        #expect(
          names.contains("\(proof).swift") || names.contains("\(proof).py"), "\(row.number): there is no \(proof)")
      }
    }
  }

  @Test("knows every name of the environment that is heard")
  func environment() throws {
    let page = try String(contentsOf: Self.root.appending(path: "docs/compatibility.md"), encoding: .utf8)
    for variable in LegacyAPI.all.flatMap(\.variables) {
      for name in variable.names { #expect(page.contains("`\(name)`"), "\(name)") }
    }
  }

  private static func files(below folder: String) -> Set<String> {
    let files = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
    var names: Set<String> = []
    while let path = files?.nextObject() as? String { names.insert(String(path.split(separator: "/").last ?? "")) }
    return names
  }
}

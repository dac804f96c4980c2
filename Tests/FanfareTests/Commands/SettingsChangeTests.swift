import Jobs
import Testing

@testable import Fanfare

@Suite("Settings on a command line") struct SettingsChangeTests {
  @Test("become the document that changes a queue")
  func document() throws {
    let change = try SettingsChange([
      "concurrency=5", "order=lifo", "fair=true", "type=RENDER", "ageing=10m", "max_waiting=null",
      "retention.completed.count=10", "retention.completed.age=1d", "defaults.timeout=90",
      "description=12 apes = many",
    ])
    #expect(
      change.document.description
        == #"{"ageing":600.0,"concurrency":5,"defaults":{"timeout":90},"#
        + #""description":"12 apes = many","fair":true,"max_waiting":null,"order":"lifo","#
        + #""retention":{"completed":{"age":86400.0,"count":10}},"type":"RENDER"}"#)
  }

  @Test("are refused where there is no key or nothing to set", arguments: [[], ["x"], ["=1"]])
  func faults(words: [String]) { #expect(throws: CommandFailure.self) { try SettingsChange(words) } }
}

@Suite("Words for a shell") struct ShellWordTests {
  @Test(
    "are quoted where they must be",
    arguments: [("/tmp/a-b_c.d", "/tmp/a-b_c.d"), ("/tmp/a b", "'/tmp/a b'"), ("it's", #"'it'\''s'"#), ("", "''")])
  func quoting(text: String, word: String) { #expect(text.shellQuoted == word) }
}

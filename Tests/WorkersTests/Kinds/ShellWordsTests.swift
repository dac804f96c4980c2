import Testing

@testable import Workers

@Suite("Words of a command line") struct ShellWordsTests {
  @Test(
    "are cut as a shell cuts them, and nothing is expanded",
    arguments: [
      ("", []), ("   \t\n ", []), ("-i a.mp4  b.mp4", ["-i", "a.mp4", "b.mp4"]),
      (#"-i "my clip.mp4" b"#, ["-i", "my clip.mp4", "b"]), (#"'a b'c"d e"\ f"#, ["a bcd e f"]),
      (#"a '' """#, ["a", "", ""]), (#""a\"b\\c\d""#, [#"a"b\c\d"#]), (#"'a\'"#, [#"a\"#]),
      ("a\\\n b", ["a", "b"]), ("$HOME `id` $(id) ~ * ? a;b a|b a&b <x >y #c", nil),
    ])
  func cut(_ line: String, _ words: [String]?) throws {
    let wanted = words ?? line.split(separator: " ").map(String.init)
    #expect(try ShellWords.split(line) == wanted)
  }

  @Test(
    "are refused where a quote is open or a character is none of a text",
    arguments: [
      ("a 'b", ShellWords.Fault.openQuote), ("a \"b", .openQuote), ("a \"b\\\"", .openQuote), ("a \\", .lastBackslash),
      ("a\u{0}b", .controlCharacter), ("'a\u{1B}'", .controlCharacter), ("\"\u{7F}\"", .controlCharacter),
    ])
  func refused(_ line: String, _ fault: ShellWords.Fault) {
    #expect(throws: fault) { try ShellWords.split(line) }
  }
}

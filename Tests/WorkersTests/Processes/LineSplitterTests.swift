import Testing

@testable import Workers

@Suite("The line splitter") struct LineSplitterTests {
  private func lines(_ chunks: [String], limit: Int = 100) -> [String] {
    var splitter = LineSplitter(limit: limit)
    return chunks.flatMap { splitter.feed($0.utf8) } + (splitter.finish().map { [$0] } ?? [])
  }

  @Test("joins chunks, and ends lines at feeds and returns")
  func splitting() {
    #expect(lines(["a", "b\nc", "\n"]) == ["ab", "c"])
    #expect(lines(["1%\r2%\r\n3%\n\n\n"]) == ["1%", "2%", "3%"])
    #expect(lines(["no end"]) == ["no end"])
    #expect(lines(["ä"[...].utf8.map { String(UnicodeScalar($0)) }.joined()]).count == 1)
    #expect(lines([]) == [])
  }

  @Test("shows what there is of a line before it ends")
  func unfinished() {
    var splitter = LineSplitter(limit: 10)
    #expect(splitter.feed("a\r 25%".utf8) == ["a"])
    #expect(splitter.unfinished == " 25%")
    #expect(splitter.feed("\r".utf8) == [" 25%"])
    #expect(splitter.unfinished == "")
  }

  @Test("drops what a line has over the limit")
  func limit() {
    #expect(lines(["abcdef\nghi\n"], limit: 3) == ["abc", "ghi"])
  }

  @Test("passes through bytes that are no text")
  func invalid() {
    var splitter = LineSplitter(limit: 10)
    #expect(splitter.feed([0xFF, 0x41, 0x0A]) == ["\u{FFFD}A"])
  }
}

import Gateway
import Jobs
import Testing

@Suite("A cursor") struct CursorTests {
  @Test("is the epoch and the offset, and reads back as the same position")
  func text() {
    let position = StreamPosition(offset: 17, epoch: "0a0b0c0d")
    #expect(position.cursor == "0a0b0c0d-17")
    #expect(Recovery.Request(cursor: position.cursor) == Recovery.Request(offset: 17, epoch: "0a0b0c0d"))
  }

  @Test(
    "may be an offset alone, and nothing else",
    arguments: [
      ("17", Recovery.Request(offset: 17, epoch: nil)), ("0", Recovery.Request(offset: 0, epoch: nil)),
      ("e-0", Recovery.Request(offset: 0, epoch: "e")), ("", nil), ("-", nil), ("-1", nil), ("e-", nil),
      ("e-1-1", nil), ("e-+1", nil), ("e- 1", nil), ("1.5", nil), ("e-18446744073709551616", nil), ("e", nil),
    ] as [(String, Recovery.Request?)])
  func forms(text: String, expected: Recovery.Request?) {
    #expect(Recovery.Request(cursor: text) == expected)
  }
}

import Jobs
import Logging
import Testing

@testable import Fanfare

@Suite("The log") struct LogOutputTests {
  private let time = Timestamp(milliseconds: 1_763_703_000_123)

  @Test("writes a message on one line, with its moment and what belongs to it")
  func text() {
    #expect(
      LogOutput.line(
        at: time, .warning, label: "fanfare", "two\nlines", ["b": "2", "a": "1"], format: .text)
        == "2025-11-21T05:30:00.123Z warning fanfare: two\\nlines a=1 b=2")
  }

  @Test("names nothing twice for machines, whatever belongs to the message")
  func names() {
    #expect(
      LogOutput.line(
        at: time, .info, label: "fanfare", "x", ["level": "9", "level_": "8", "message": "y"], format: .json)
        == #"{"at":1763703000123,"level":"info","label":"fanfare","message":"x","level_":"9","level__":"8","message_":"y"}"#
    )
  }

  @Test("writes an object a line for machines")
  func json() {
    #expect(
      LogOutput.line(at: time, .info, label: "fanfare", "say \"x\"", ["a": "1"], format: .json)
        == #"{"at":1763703000123,"level":"info","label":"fanfare","message":"say \"x\"","a":"1"}"#)
  }
}

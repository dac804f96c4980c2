import Testing

@testable import Workers

@Suite("The log buffer") struct LogBufferTests {
  @Test("keeps the newest lines and tells how many are missing")
  func cap() {
    var log = LogBuffer(capacity: 3, batchLimit: 10)
    for number in 1...5 { log.append("line \(number)") }
    #expect(log.takeBatch() == ["… 2 lines left out", "line 3", "line 4", "line 5"])
    #expect(log.isEmpty)
    #expect(log.takeBatch() == [])
  }

  @Test("hands lines over in batches")
  func batches() {
    var log = LogBuffer(capacity: 10, batchLimit: 2)
    for number in 1...3 { log.append("\(number)") }
    #expect(log.takeBatch() == ["1", "2"])
    #expect(log.takeBatch() == ["3"])
  }

  @Test("cuts at a character's edge and takes control characters out")
  func cleaning() {
    #expect(LogBuffer.clean(String(repeating: "ä", count: 600)).utf8.count == 1024)
    #expect(LogBuffer.clean(String(repeating: "a", count: 1023) + "ä").utf8.count == 1023)
    #expect(LogBuffer.clean("a\u{1B}[31mb\tc\0") == "a [31mb c ")
  }
}

import EventLoop
import Testing

@Suite("Random numbers of the loop") struct LoopRandomTests {
  @Test("never come twice, across refills, and have every bit in both states")
  func distinct() {
    var random = LoopRandom()
    let words = (0..<1000).map { _ in random.next() }
    #expect(Set(words).count == words.count)
    #expect(words.reduce(0, |) == UInt64.max)
    #expect(words.reduce(UInt64.max, &) == 0)
  }
}

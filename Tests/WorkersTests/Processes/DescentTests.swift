import Testing

@testable import Workers

@Suite("Descent") struct DescentTests {
  private func position(_ started: Int, _ last: Int32, limit: Int32 = 32_768) -> Descent.Position {
    Descent.Position(started: started, last: last, limit: limit)
  }

  @Test("excludes what has a number below the ancestor's, while numbers are given out in order")
  func inOrder() {
    let descent = Descent(ancestor: 5000, before: position(100_000, 4990))
    let now = position(100_400, 5400)
    #expect(!descent.mayHold(2, at: now))
    #expect(!descent.mayHold(4999, at: now))
    #expect(descent.mayHold(5001, at: now))
    #expect(descent.mayHold(5400, at: now))
  }

  @Test("excludes nothing where the numbers began anew, or may have")
  func anew() {
    let descent = Descent(ancestor: 32_000, before: position(100_000, 31_990))
    // The last number is a low one; or a high one, but after a whole round.
    for now in [position(101_000, 700), position(133_000, 32_100), position(1_000_000, 32_100)] {
      #expect(descent.mayHold(301, at: now))
      #expect(descent.mayHold(32_001, at: now))
    }
  }

  @Test("excludes nothing where the kernel does not tell")
  func unknown() {
    let told = position(100_400, 5400)
    #expect(Descent(ancestor: 5000, before: nil).mayHold(301, at: told))
    #expect(Descent(ancestor: 5000, before: position(100_000, 4990)).mayHold(301, at: nil))
    // A count that does not count: the ancestor at least was started since.
    #expect(Descent(ancestor: 5000, before: told).mayHold(301, at: told))
  }

  @Test("never holds the ancestor itself")
  func itself() {
    #expect(!Descent(ancestor: 5000, before: nil).mayHold(5000, at: nil))
  }
}

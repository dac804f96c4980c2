import Testing

@testable import Gateway

@Suite("A pace") struct PaceTests {
  private let start = ContinuousClock().now

  @Test("is kept by those who move enough in each stretch of waiting")
  func kept() {
    var pace = Pace(100, in: .seconds(10))
    #expect(pace.waits(at: start) == .seconds(10))
    #expect(pace.waits(at: start + .seconds(4)) == .seconds(6))
    pace.moved(50, at: start + .seconds(4))
    // We take our time; only the client's counts.
    #expect(pace.waits(at: start + .seconds(100)) == .seconds(6))
    pace.moved(50, at: start + .seconds(105))
    #expect(pace.waits(at: start + .seconds(200)) == .seconds(10))
  }

  @Test("is lost by a trickle, however steady")
  func lost() {
    var pace = Pace(100, in: .seconds(10))
    for second in 0..<10 {
      #expect(pace.waits(at: start + .seconds(second)) > .zero)
      pace.moved(1, at: start + .seconds(second + 1))
    }
    #expect(pace.waits(at: start + .seconds(10)) <= .zero)
    #expect(pace.isLost)
    pace.moved(100, at: start + .seconds(11))
    #expect(!pace.isLost)
  }
}

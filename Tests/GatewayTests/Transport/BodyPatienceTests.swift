import Testing

@testable import Gateway

@Suite("Patience with a body") struct BodyPatienceTests {
  private let start = ContinuousClock.now
  private var limits: Limits {
    var limits = Limits()
    limits.bodyRate = 100
    limits.rateWindow = .seconds(20)
    limits.bodyDeadline = .seconds(60)
    return limits
  }

  @Test("lasts a window for so many bytes, waits added up")
  func pace() {
    var patience = BodyPatience(limits)
    #expect(patience.waits(at: start) == .seconds(20))
    patience.moved(10, at: start + .seconds(15))
    #expect(!patience.isLost(at: start + .seconds(15)))
    #expect(patience.waits(at: start + .seconds(30)) == .seconds(5))
    patience.moved(10, at: start + .seconds(35))
    #expect(patience.isLost(at: start + .seconds(35)))
  }

  @Test("ends with the whole body's time, however fast the client is")
  func deadline() {
    var patience = BodyPatience(limits)
    for second in stride(from: 0, to: 59, by: 10) {
      _ = patience.waits(at: start + .seconds(second))
      patience.moved(1000, at: start + .seconds(second + 1))
    }
    #expect(patience.waits(at: start + .seconds(55)) == .seconds(5))
    #expect(!patience.isLost(at: start + .seconds(59)))
    #expect(patience.isLost(at: start + .seconds(60)))
    #expect(patience.waits(at: start + .seconds(61)) == .zero)
  }
}

import Testing

@testable import Jobs

@Suite("A canary") struct CanaryStateTests {
  private typealias Step = CanaryState.Step

  @Test("that comes back in time says how long it took, and nothing is late")
  func inTime() {
    var state = CanaryState()
    for second in 0..<10 {
      let step = state.tick(at: .seconds(second))
      #expect(step == Step(publish: second + 1))
      state.taken(step.publish, at: .seconds(second))
      state.arrived(step.publish, at: .seconds(second) + .milliseconds(7))
      #expect(!state.isLate && state.delay == .milliseconds(7))
    }
  }

  @Test("that Redis took and that does not come back has the connection dropped, once")
  func deaf() {
    var state = CanaryState()
    for second in 0..<3 {
      let step = state.tick(at: .seconds(second))
      #expect(!step.dropsConnection && !state.isLate)
      state.taken(step.publish, at: .seconds(second))
    }
    let late = state.tick(at: .seconds(3))
    #expect(late.dropsConnection && state.isLate)
    state.connectionLost()
    let step = state.tick(at: .seconds(4))
    #expect(!step.dropsConnection && state.isLate, "until one has come back")
    state.taken(step.publish, at: .seconds(4))
    state.arrived(step.publish, at: .seconds(4))
    #expect(!state.isLate)
  }

  @Test("that Redis has not even taken is late, and drops nothing: what Redis says later comes in order")
  func stoppedRedis() {
    var state = CanaryState()
    var published: [Int] = []
    for second in 0..<20 {
      let step = state.tick(at: .seconds(second))
      #expect(!step.dropsConnection)
      #expect(state.isLate == (second >= 3))
      published.append(step.publish)
    }
    // It goes on: all it was told comes at once.
    for number in published {
      state.taken(number, at: .seconds(20))
      state.arrived(number, at: .seconds(20))
    }
    #expect(!state.isLate && state.delay == .seconds(1))
  }

  @Test("that could not be sent says nothing of the way back, nor that it is well again")
  func unsent() {
    var state = CanaryState()
    for second in 0..<5 { _ = state.tick(at: .seconds(second)) }
    #expect(state.isLate)
    for number in 1...5 { state.failed(number) }
    for second in 5..<9 {
      let step = state.tick(at: .seconds(second))
      state.failed(step.publish)
      #expect(state.isLate && !step.dropsConnection)
    }
  }

  @Test("on a path that is always slow: late all along, and torn down less and less often")
  func alwaysSlow() {
    var state = CanaryState()
    var drops: [Int] = []
    for second in 0..<200 {
      for number in stride(from: second - 4, through: second - 4, by: 1) where number > 0 {
        state.arrived(number, at: .seconds(second))
      }
      let step = state.tick(at: .seconds(second))
      if step.dropsConnection { drops.append(second) } else { state.taken(step.publish, at: .seconds(second)) }
      if second > 3 { #expect(state.isLate) }
    }
    #expect(drops == [3], "the second connection had the time it needs: \(drops)")
  }

  @Test("that never comes back on any connection: each is given twice as long, half a minute at most")
  func growingPatience() {
    var state = CanaryState()
    var drops: [Int] = []
    for second in 0..<100 {
      let step = state.tick(at: .seconds(second))
      if step.dropsConnection { drops.append(second) } else { state.taken(step.publish, at: .seconds(second)) }
    }
    #expect(drops == [3, 10, 23, 48, 79], "\(drops)")
  }
}

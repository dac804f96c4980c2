import Gateway
import Testing

@Suite("A session's state") struct SessionStateTests {
  @Test("takes nothing but connect first", arguments: Command.Method.allCases)
  func first(method: Command.Method) {
    #expect(SessionState().judge(method) == (method == .connect ? nil : .badRequest))
  }

  @Test("takes everything but a second connect and send once connected", arguments: Command.Method.allCases)
  func connected(method: Command.Method) {
    var state = SessionState()
    state.connected()
    let expected: Disconnect? =
      switch method {
      case .connect: .badRequest
      case .send: .notAvailable
      default: nil
      }
    #expect(state.judge(method) == expected)
  }

  @Test("is dead after a refused connect", arguments: Command.Method.allCases)
  func refused(method: Command.Method) {
    var state = SessionState()
    state.refused()
    #expect(state.judge(method) == .badRequest)
  }

  @Test("licenses one pong a ping")
  func pong() {
    var state = SessionState()
    #expect(state.pongArrived() == .badRequest)
    state.pinged()
    #expect(state.pongArrived() == nil)
    #expect(state.pongArrived() == .badRequest)
  }
}

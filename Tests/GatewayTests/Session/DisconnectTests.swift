import Gateway
import Testing

@Suite("The table of disconnects") struct DisconnectTests {
  @Test("has reasons that fit a close frame and are no JSON", arguments: Disconnect.allCases)
  func reasons(disconnect: Disconnect) {
    #expect(disconnect.reason.utf8.count <= 123)
    #expect(disconnect.reason.first?.isLetter == true)
    #expect(!["true", "false", "null"].contains(disconnect.reason))
  }

  @Test("never invites back whom it refuses for good")
  func ranges() {
    for final in [Disconnect.invalidToken, .badRequest, .stale, .permissionDenied, .notAvailable] {
      #expect(!final.invitesReconnect)
    }
    for passing in [Disconnect.shutdown, .expired, .slow, .noPong] {
      #expect(passing.invitesReconnect)
    }
  }
}

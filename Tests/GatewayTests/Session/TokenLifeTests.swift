import EventLoop
import Foundation
import Jobs
import Testing

@testable import Gateway

@Suite("The life of a token") struct TokenLifeTests {
  struct Case: CustomTestStringConvertible, Sendable {
    /// Seconds: from when it was issued (nil: it does not say) to its end, and how much is left when it is shown.
    let life: Double?, left: Double, warning: Double
    /// From now; nil: none.
    let warned: Double?
    var testDescription: String { "life \(life ?? 0), left \(left), warning \(warning)" }
  }

  @Test(
    "warns before its end, at most half of it before, and not once that moment has passed",
    arguments: [
      Case(life: 600, left: 600, warning: 60, warned: 540),
      Case(life: 600, left: 300, warning: 60, warned: 240),
      Case(life: 600, left: 61, warning: 60, warned: 1),
      Case(life: 600, left: 60, warning: 60, warned: nil),
      Case(life: 600, left: 10, warning: 60, warned: nil),
      Case(life: 60, left: 60, warning: 60, warned: 30),
      Case(life: 60, left: 29, warning: 60, warned: nil),
      Case(life: 100, left: 100, warning: 50, warned: 50),
      Case(life: nil, left: 40, warning: 60, warned: 20),
      Case(life: nil, left: 600, warning: 60, warned: 540),
      Case(life: 600, left: 600, warning: 0, warned: nil),
      Case(life: 600, left: -3, warning: 60, warned: nil),
    ])
  func warning(_ one: Case) {
    let now = Date(timeIntervalSince1970: 1_750_000_000)
    let end = now.addingTimeInterval(one.left)
    let identity = Identity(
      user: "alice", permissions: .standard, expiresAt: end,
      issuedAt: one.life.map { end.addingTimeInterval(-$0) })
    let life = TokenLife(
      of: identity, shownAt: now, warning: .seconds(one.warning), grace: .seconds(25))
    #expect(life.untilWarning(at: now) == one.warned.map { .seconds($0) })
    #expect(life.untilEnd(at: now) == .seconds(one.left) + .seconds(25))
    #expect(life.untilEnd(at: now.addingTimeInterval(5)) == .seconds(one.left) + .seconds(20))
  }

  @Test("is told once before the end, and again only for another token")
  func push() async throws {
    try await SessionHarness.run(settings: { $0.expiryWarning = .milliseconds(4500) }) { harness in
      let (session, connection) = try harness.open()
      let token = try harness.token(lifetime: .seconds(5))
      session.tell(#"{"id":1,"connect":{"token":"\#(token)"}}"#)
      // Half of five or six seconds, since ends are whole seconds.
      let frames = await connection.frames(2)
      let refresh = try json(frames[1])["push"]?["refresh"]
      #expect(refresh?["expires"]?.bool == true)
      #expect((1...3).contains(refresh?["ttl"]?.int ?? 0))
      #expect(try json(frames[1])["push"]?["channel"] == nil)
      session.tell(#"{"id":2,"refresh":{"token":"\#(try harness.token())"}}"#)
      let answer = try json(await connection.frames(3)[2])["refresh"]
      #expect((590...600).contains(answer?["ttl"]?.int ?? 0))
    }
  }
}

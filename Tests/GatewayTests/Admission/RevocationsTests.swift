import EventLoop
import Foundation
import Jobs
import Testing

@testable import Gateway

@Suite("Revocations") struct RevocationsTests {
  private func revocation(
    _ subject: Revocation.Subject, at seconds: Int64 = 1000, until: Int64 = 9000
  ) -> Revocation {
    Revocation(
      subject, at: Timestamp(milliseconds: seconds * 1000 + 500), until: Timestamp(milliseconds: until * 1000))
  }

  private func date(_ seconds: Double) -> Date { Date(timeIntervalSince1970: seconds) }

  @Test(
    "of a user: void is what was issued up to the moment, and what does not say",
    arguments: [
      (nil, true), (0, true), (999, true), (1000, true), (1000.5, true), (1000.501, false), (1001, false),
      (5000, false),
    ] as [(Double?, Bool)])
  func user(issuedAt: Double?, isVoid: Bool) {
    var revocations = Revocations()
    #expect(!revocations.isVoid(user: "alice", tokenID: "t", issuedAt: issuedAt.map(date)))
    let isNew = revocations.add(revocation(.user("alice")))
    #expect(isNew)
    #expect(revocations.isVoid(user: "alice", tokenID: "t", issuedAt: issuedAt.map(date)) == isVoid)
    #expect(!revocations.isVoid(user: "alicia", tokenID: "t", issuedAt: issuedAt.map(date)))
  }

  @Test("of a token: that one and no other, whenever it was issued")
  func token() {
    var revocations = Revocations()
    revocations.add(revocation(.token("t")))
    #expect(revocations.isVoid(user: "alice", tokenID: "t", issuedAt: date(99_999)))
    #expect(!revocations.isVoid(user: "alice", tokenID: "u", issuedAt: date(0)))
    #expect(!revocations.isVoid(user: "t", tokenID: nil, issuedAt: nil))
  }

  @Test("said again count from the later moment, and say whether they are news")
  func again() {
    var revocations = Revocations()
    let areNews = [1000, 900, 2000, 1000].map { revocations.add(revocation(.user("alice"), at: $0)) }
    #expect(areNews == [true, false, true, false])
    #expect(revocations.isVoid(user: "alice", tokenID: nil, issuedAt: date(1500)))
    let tokens = (0..<2).map { _ in revocations.add(revocation(.token("t"))) }
    #expect(tokens == [true, false])
  }

  @Test("that are over are forgotten once many have gathered")
  func sweep() {
    var revocations = Revocations()
    for number in 0..<10_000 { revocations.add(revocation(.token("t\(number)"), until: number < 6000 ? 100 : 9000)) }
    revocations.sweep(at: Timestamp(milliseconds: 5_000_000))
    #expect(revocations.count == 4000)
    #expect(revocations.isVoid(user: "a", tokenID: "t6000", issuedAt: nil))
    #expect(!revocations.isVoid(user: "a", tokenID: "t5999", issuedAt: nil))
  }
}

@Suite("Who lives by a token") @EventLoop struct TokenHoldersTests {
  private final class Holder: TokenHolder {
    let heldIdentity: Identity?
    var heldToken: (any RevocableToken)? { heldIdentity }
    private(set) var count = 0
    init(_ user: String, _ id: String?) {
      heldIdentity = Identity(user: user, permissions: .standard, expiresAt: .distantFuture, tokenID: id)
    }
    func tokenWasRevoked() { count += 1 }
  }

  @Test("is found by user and by token, alone or among many, and not once it has gone")
  func lookup() throws {
    let holders = TokenHolders()
    let some = (0..<3).map { Holder("alice", $0 < 2 ? "same" : nil) }
    let other = Holder("bob", "other")
    for holder in some + [other, some[0]] { holders.add(holder, of: try #require(holder.heldIdentity)) }
    #expect(holders.count == 4)
    #expect(holders.holders(of: .user("alice")).count == 3)
    #expect(holders.holders(of: .token("same")).count == 2)
    #expect(holders.holders(of: .token("other")).first === other)
    #expect(holders.holders(of: .user("nobody")).isEmpty)
    for _ in 0..<2 { holders.remove(some[0], of: try #require(some[0].heldIdentity)) }
    #expect(holders.holders(of: .token("same")).first === some[1])
    for holder in [some[1], some[2], other] { holders.remove(holder, of: try #require(holder.heldIdentity)) }
    #expect(holders.count == 0 && holders.holders(of: .user("alice")).isEmpty)
  }
}

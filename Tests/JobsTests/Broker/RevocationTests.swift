import Jobs
import Testing

@Suite("A revocation") struct RevocationTests {
  private func said(at: Int64, until: Int64) -> Revocation {
    Revocation(
      .user("alice"), at: Timestamp(milliseconds: at), until: Timestamp(milliseconds: until))
  }

  @Test("said twice holds from the later moment and until the later end, whichever came first")
  func merged() {
    let early = said(at: 1, until: 40)
    for (other, both) in [
      (said(at: 2, until: 50), said(at: 2, until: 50)), (said(at: 2, until: 30), said(at: 2, until: 40)),
      (said(at: 0, until: 50), said(at: 1, until: 50)), (said(at: 0, until: 30), early), (early, early),
    ] {
      #expect(early.merged(with: other) == both)
      #expect(other.merged(with: early) == both)
    }
  }
}

import Testing

@testable import Gateway

@Suite("Admission of handshakes") struct HandshakeAdmissionTests {
  private let start = ContinuousClock.now

  @Test("lets ten seconds' worth of an address in at once, then its rate, and tells the wait")
  func perAddress() {
    var admission = HandshakeAdmission(perAddress: 5)
    for _ in 0..<50 { #expect(admission.arrives(from: "a", at: start) == nil) }
    #expect(admission.arrives(from: "a", at: start) == .milliseconds(200))
    // A refusal costs nothing: who waits as told is let in, once.
    #expect(admission.arrives(from: "a", at: start + .milliseconds(150)) == .milliseconds(50))
    #expect(admission.arrives(from: "a", at: start + .milliseconds(200)) == nil)
    #expect(admission.arrives(from: "a", at: start + .milliseconds(200)) == .milliseconds(200))
    // The others do not notice.
    #expect(admission.arrives(from: "b", at: start) == nil)
    // After ten quiet seconds the bucket is full again, and no fuller after an hour.
    for _ in 0..<50 { #expect(admission.arrives(from: "a", at: start + .seconds(3600)) == nil) }
    #expect(admission.arrives(from: "a", at: start + .seconds(3600)) != nil)
  }

  @Test("counts users apart from addresses, and each by itself")
  func perUser() {
    var admission = HandshakeAdmission(perAddress: 1, perUser: 2)
    for _ in 0..<20 { #expect(admission.connects(as: "ada", at: start) == nil) }
    #expect(admission.connects(as: "ada", at: start) == .milliseconds(500))
    #expect(admission.connects(as: "bob", at: start) == nil)
    #expect(admission.arrives(from: "ada", at: start) == nil)
  }

  @Test("spaces the process's handshakes evenly, after a tenth of a second's worth")
  func total() {
    var admission = HandshakeAdmission(perSecond: 100)
    var now = start
    for _ in 0..<10 { #expect(admission.begins(at: now) == nil) }
    for _ in 0..<100 {
      #expect(admission.begins(at: now) == .milliseconds(10))
      now += .milliseconds(10)
      #expect(admission.begins(at: now) == nil)
    }
    #expect(now - start == .seconds(1))
  }

  @Test("is one at a time where the rate is below one in its time")
  func slow() {
    var admission = HandshakeAdmission(perSecond: 2)
    #expect(admission.begins(at: start) == nil)
    #expect(admission.begins(at: start) == .milliseconds(500))
  }

  @Test("has no limit where none is set")
  func unlimited() {
    var admission = HandshakeAdmission()
    for _ in 0..<10_000 {
      #expect(admission.begins(at: start) == nil)
      #expect(admission.arrives(from: "a", at: start) == nil)
      #expect(admission.connects(as: "a", at: start) == nil)
    }
  }

  @Test("tells waits that differ, and are never too short")
  func spread() {
    let waits = (0..<100).map { _ in HandshakeAdmission.spread(.seconds(2)) }
    #expect(waits.allSatisfy { (.seconds(2) ... .seconds(7)).contains($0) })
    #expect(Set(waits).count > 50)
  }
}

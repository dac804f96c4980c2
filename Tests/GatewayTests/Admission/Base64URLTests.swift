import Testing

@testable import Gateway

@Suite("Base64url") struct Base64URLTests {
  @Test(
    "spells bytes as RFC 4648 does, without padding",
    arguments: [
      ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
      ("foobar", "Zm9vYmFy"),
    ])
  func vectors(_ text: String, _ encoded: String) {
    #expect(Base64URL.encode(text.utf8) == encoded)
    #expect(Base64URL.decode(encoded.utf8) == Array(text.utf8))
  }

  @Test("uses - and _, as RFC 7515 appendix C shows")
  func alphabet() {
    #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME")
    #expect(Base64URL.decode("A-z_4ME".utf8) == [3, 236, 255, 224, 193])
  }

  @Test("gives back any bytes, at any length")
  func roundTrip() {
    for length in 0..<70 {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ length) }
      #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
    }
  }

  @Test(
    "refuses padding, space, the other alphabet and an impossible length",
    arguments: [
      "Zg==", "Zg=", "Zm8=", "Zm9v\n", " Zm9v", "Zm 9v", "A+z/4ME", "Z", "Zm9vY", "Zm9v.", "Zm9vé",
    ])
  func strictness(_ text: String) { #expect(Base64URL.decode(text.utf8) == nil) }

  @Test("refuses bits behind the last byte: one value has one spelling", arguments: ["Zh", "Zm9", "AB", "AAB", "__"])
  func trailingBits(_ text: String) { #expect(Base64URL.decode(text.utf8) == nil) }
}

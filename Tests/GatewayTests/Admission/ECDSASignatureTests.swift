import Testing

@testable import Gateway

@Suite("An ECDSA signature") struct ECDSASignatureTests {
  @Test("is written in DER with numbers as short as they can be, and never negative")
  func der() {
    #expect(ECDSASignature.der(raw: [0x00, 0x01, 0x00, 0x80]) == [0x30, 7, 0x02, 1, 0x01, 0x02, 2, 0x00, 0x80])
    #expect(ECDSASignature.der(raw: [0, 0, 0, 0]) == [0x30, 6, 0x02, 1, 0, 0x02, 1, 0])
    #expect(ECDSASignature.der(raw: [0xFF, 0xFF, 0x7F, 0x00]) == [0x30, 9, 0x02, 3, 0, 0xFF, 0xFF, 0x02, 2, 0x7F, 0])
  }

  @Test("of P-521 takes a length of two bytes")
  func longDER() {
    let der = ECDSASignature.der(raw: Array(repeating: 0xFF, count: 132))
    #expect(der.prefix(5) == [0x30, 0x81, 138, 0x02, 67])
    #expect(der.count == 141)
  }

  @Test("comes back as it was, zeros in front included", arguments: Curve.allCases)
  func roundTrip(_ curve: Curve) {
    let length = curve.coordinateLength
    for zeros in [0, 1, 2, length - 1] {
      let half = [UInt8](repeating: 0, count: zeros) + (zeros..<length).map { UInt8(truncatingIfNeeded: $0 &* 89 | 1) }
      let raw = half + half.reversed()
      #expect(ECDSASignature.raw(der: ECDSASignature.der(raw: raw), coordinateLength: length) == raw)
    }
  }
}

/// The two spellings of an ECDSA signature: `r || s` in tokens (RFC 7518 §3.4), DER in OpenSSL.
enum ECDSASignature {
  /// DER from `r || s`, which must be of even length. Zero and too large numbers stay so: OpenSSL
  /// refuses them.
  static func der(raw: [UInt8]) -> [UInt8] {
    let half = raw.count / 2
    let numbers = integer(raw[..<half]) + integer(raw[half...])
    // Two numbers of P-521 make 138 bytes; a length above 127 takes a second byte.
    return numbers.count < 0x80
      ? [0x30, UInt8(numbers.count)] + numbers
      : [0x30, 0x81, UInt8(numbers.count)] + numbers
  }

  /// `r || s` from the DER that OpenSSL wrote.
  static func raw(der: [UInt8], coordinateLength: Int) -> [UInt8] {
    var position = der[1] == 0x81 ? 3 : 2
    func number() -> [UInt8] {
      let length = Int(der[position + 1])
      let digits = der[position + 2..<position + 2 + length].drop { $0 == 0 }
      position += 2 + length
      precondition(digits.count <= coordinateLength, "a signature of another curve")
      return [UInt8](repeating: 0, count: coordinateLength - digits.count) + digits
    }
    return number() + number()
  }

  /// DER's INTEGER: no needless zeros in front, one where the first bit would read as a sign.
  private static func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    let digits = bytes.drop { $0 == 0 }
    let needsZero = digits.first.map { $0 >= 0x80 } ?? true
    let content = (needsZero ? [0] : []) + digits
    return [0x02, UInt8(content.count)] + content
  }
}

/// How ids stand in Redis: the 16 bytes as 22 digits of six bits, in the order of ASCII, so that they
/// sort as the ids do and can still be read, typed and searched for.
extension JobID {
  private static let digits = Array("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz".utf8)
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 0xFF, count: 256)
    for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
    return values
  }()

  /// The 22 characters.
  var key: String {
    String(unsafeUninitializedCapacity: 22) { buffer in
      var high = high
      var low = low
      for place in 0..<22 {
        buffer[place] = Self.digits[Int(high >> 58)]
        high = high << 6 | low >> 58
        low <<= 6
      }
      return 22
    }
  }

  /// Reads the 22 characters; anything else is nil.
  init?(key: some Sequence<UInt8>) {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var count = 0
    for byte in key {
      let value = UInt64(Self.values[Int(byte)])
      guard value < 64, count < 22 else { return nil }
      count += 1
      if count == 22 {
        // 128 bits are 21 digits and two bits: the rest of the last digit is empty.
        guard value & 0xF == 0 else { return nil }
        high = high << 2 | low >> 62
        low = low << 2 | value >> 4
      } else {
        high = high << 6 | low >> 58
        low = low << 6 | value
      }
    }
    guard count == 22, high >> 12 & 0xF == 8 else { return nil }
    self.init(high: high, low: low)
  }

  init?(key: some StringProtocol) { self.init(key: key.utf8) }
}

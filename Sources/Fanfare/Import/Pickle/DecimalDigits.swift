/// Whole numbers of any size, as their decimal digits.
enum DecimalDigits {
  /// The digits of a number in two's complement, the lowest byte first: how Python writes what is large.
  /// Takes time with the square of the length.
  static func of(littleEndian bytes: [UInt8]) -> String {
    guard let highest = bytes.last else { return "0" }
    let isNegative = highest >= 0x80
    var magnitude = bytes
    if isNegative {
      var carry = true
      for index in magnitude.indices {
        magnitude[index] = ~magnitude[index]
        if carry { (magnitude[index], carry) = magnitude[index].addingReportingOverflow(1) }
      }
      // Minus 2^n has no positive of as many bytes: it is that very sum, carried out at the top.
      if carry { magnitude.append(1) }
    }
    // Nine digits at a time, the lowest group first.
    var groups: [UInt32] = [0]
    for byte in magnitude.reversed() {
      var carry = UInt64(byte)
      for index in groups.indices {
        carry += UInt64(groups[index]) << 8
        groups[index] = UInt32(carry % 1_000_000_000)
        carry /= 1_000_000_000
      }
      if carry > 0 { groups.append(UInt32(carry)) }
    }
    var text = "\(groups[groups.count - 1])"
    for group in groups.dropLast().reversed() {
      let digits = "\(group)"
      text += String(repeating: "0", count: 9 - digits.count) + digits
    }
    return isNegative && text != "0" ? "-" + text : text
  }
}

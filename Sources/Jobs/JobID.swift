/// The name of a job: a UUID of version 8 (RFC 9562) in its text form.
///
/// 48 bits of milliseconds since 1970, 12 bits of partition, 62 random bits: ids sort by time of
/// submission, and a job is found by its id alone, because the id says in which partition it lives.
package struct JobID: Hashable, Sendable, Comparable, CustomStringConvertible {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A new id in `partition` (0…4095).
  package init(at time: Timestamp = .now, partition: Int = 0) {
    precondition((0..<4096).contains(partition), "a partition is a number from 0 to 4095")
    var generator = SystemRandomNumberGenerator()
    high = UInt64(bitPattern: time.milliseconds) << 16 | 0x8000 | UInt64(partition)
    low = generator.next() >> 2 | 0x8000_0000_0000_0000
  }

  /// Reads the 36 characters of the text form, in lower or upper case; anything else is nil.
  package init?(_ text: some StringProtocol) {
    var digits: (UInt64, UInt64) = (0, 0)
    var count = 0
    var position = 0
    for byte in text.utf8 {
      if position == 8 || position == 13 || position == 18 || position == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        let digit: UInt64
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = UInt64(byte - UInt8(ascii: "A")) + 10
        default: return nil
        }
        if count < 16 { digits.0 = digits.0 << 4 | digit } else { digits.1 = digits.1 << 4 | digit }
        count += 1
      }
      position += 1
      if position > 36 { return nil }
    }
    guard position == 36, digits.0 >> 12 & 0xF == 8 else { return nil }
    self.init(high: digits.0, low: digits.1)
  }

  /// The id that a job of another system has here, whose id there is a UUID: the same but for the version and the
  /// partition, its third group. Nil for other texts.
  package init?(imported uuid: some StringProtocol) {
    let parts = uuid.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[2].count == 4 else { return nil }
    self.init("\(parts[0])-\(parts[1])-8000-\(parts[3])-\(parts[4])")
  }

  /// Where the job lives.
  package var partition: Int { Int(high & 0xFFF) }

  /// When the id was made.
  package var time: Timestamp { Timestamp(milliseconds: Int64(high >> 16)) }

  package var description: String { String(uuid: high, low) }

  package static func < (a: JobID, b: JobID) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

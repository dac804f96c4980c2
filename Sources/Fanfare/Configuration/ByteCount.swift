/// How many bytes, written with a binary unit: `64KiB`.
struct ByteCount: Hashable, Sendable, Comparable, CustomStringConvertible {
  var bytes: Int

  private static let units: [(name: String, shift: Int)] = [
    ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0),
  ]

  static func bytes(_ count: Int) -> ByteCount { ByteCount(bytes: count) }
  static func kibibytes(_ count: Int) -> ByteCount { ByteCount(bytes: count << 10) }
  static func mebibytes(_ count: Int) -> ByteCount { ByteCount(bytes: count << 20) }
  static func gibibytes(_ count: Int) -> ByteCount { ByteCount(bytes: count << 30) }

  private init(bytes: Int) { self.bytes = bytes }

  /// Reads whole numbers with a unit (`B KiB MiB GiB TiB`); nil for anything else, and for a bare
  /// number, in which one cannot see what was meant.
  init?(_ text: String) {
    guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }) else { return nil }
    let digits = text.dropLast(unit.name.utf8.count).filter { $0 != " " }
    guard let number = Int(digits), number >= 0, number <= Int.max >> unit.shift else { return nil }
    bytes = number << unit.shift
  }

  /// The largest unit that writes it without a fraction.
  var description: String {
    guard bytes > 0 else { return "0B" }
    let unit = Self.units.first { bytes & (1 << $0.shift - 1) == 0 } ?? ("B", 0)
    return "\(bytes >> unit.shift)\(unit.name)"
  }

  static func < (a: ByteCount, b: ByteCount) -> Bool { a.bytes < b.bytes }
}

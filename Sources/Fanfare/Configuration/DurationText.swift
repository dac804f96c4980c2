import Jobs

extension Duration {
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// Reads `250ms`, `10s`, `5m`, `1h30m`, `7d`: whole numbers with units, the larger ones first, each
  /// at most once. Nil for anything else, and for a bare number, whose unit one would have to guess.
  init?(written text: String) {
    var rest = Substring(text)
    var milliseconds: Int64 = 0
    var largest = Int64.max
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(name.count)
      guard let number = Int64(digits), let unit = Self.units.first(where: { $0.name == name }),
        unit.milliseconds < largest
      else { return nil }
      largest = unit.milliseconds
      let (product, overflows) = number.multipliedReportingOverflow(by: unit.milliseconds)
      let (sum, overflowsToo) = milliseconds.addingReportingOverflow(product)
      guard !overflows, !overflowsToo else { return nil }
      milliseconds = sum
    }
    self = .milliseconds(milliseconds)
  }

  /// The form ``init(written:)`` reads; parts of a millisecond are dropped.
  var written: String {
    var rest = milliseconds
    guard rest > 0 else { return "0s" }
    // A plain number of seconds up to two minutes reads better than its parts: "90s".
    if rest % 1000 == 0, rest < 120_000, rest % 60_000 != 0 { return "\(rest / 1000)s" }
    var text = ""
    for unit in Self.units where rest >= unit.milliseconds {
      text += "\(rest / unit.milliseconds)\(unit.name)"
      rest %= unit.milliseconds
    }
    return text
  }
}

/// Rows of text under a head, in columns as wide as they need.
struct TextTable {
  private var rows: [[String]]

  init(_ head: String...) { rows = [head] }

  mutating func add(_ row: [String]) { rows.append(row) }

  var isEmpty: Bool { rows.count == 1 }

  /// The lines, without blanks at their ends.
  var lines: [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 {
          line += String(repeating: " ", count: widths[column] - cell.count + 2)
        }
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// Prints the lines; `nothing` where there are none.
  func say(or nothing: String) {
    if isEmpty { Terminal.say(nothing) } else { for line in lines { Terminal.say(line) } }
  }
}

extension Duration {
  /// The largest two units: `3d 4h`, `2m 10s`, `0.4s`.
  var shortText: String {
    let milliseconds = self / .milliseconds(1)
    if milliseconds < 10_000 {
      let tenths = Int((milliseconds / 100).rounded())
      return tenths % 10 == 0 ? "\(tenths / 10)s" : "\(tenths / 10).\(tenths % 10)s"
    }
    let seconds = Int((milliseconds / 1000).rounded())
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
    guard let first = units.firstIndex(where: { seconds >= $0.1 }) else { return "0s" }
    let whole = "\(seconds / units[first].1)\(units[first].0)"
    guard first + 1 < units.count else { return whole }
    let rest = seconds % units[first].1 / units[first + 1].1
    return rest == 0 ? whole : "\(whole) \(rest)\(units[first + 1].0)"
  }
}

/// The lines a job says, on their way to its log: cut, capped, and handed over in batches.
///
/// A job that says more than the log keeps loses the oldest of what waits, and a line says how many.
struct LogBuffer {
  /// The most bytes of a line, as the broker's log keeps it.
  static let lineLimit = 1 << 10

  private let capacity: Int
  private let batchLimit: Int
  private var lines: [String] = []
  private var dropped = 0

  init(capacity: Int = 200, batchLimit: Int = 50) {
    self.capacity = capacity
    self.batchLimit = batchLimit
  }

  var isEmpty: Bool { lines.isEmpty && dropped == 0 }

  /// Adds a line, without control characters, cut to ``lineLimit`` bytes at a character's edge.
  mutating func append(_ line: String) {
    if lines.count == capacity {
      lines.removeFirst()
      dropped += 1
    }
    lines.append(Self.clean(line))
  }

  /// The next lines to send, oldest first; empty when there are none.
  mutating func takeBatch() -> [String] {
    var batch: [String] = []
    if dropped > 0 {
      batch.append("… \(dropped) lines left out")
      dropped = 0
    }
    let count = min(batchLimit - batch.count, lines.count)
    batch += lines.prefix(count)
    lines.removeFirst(count)
    return batch
  }

  static func clean(_ line: String) -> String {
    var bytes = 0
    var cleaned = String.UnicodeScalarView()
    for scalar in line.unicodeScalars {
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
      let scalar: Unicode.Scalar = isControl ? " " : scalar
      bytes += UTF8.width(scalar)
      if bytes > lineLimit { break }
      cleaned.append(scalar)
    }
    return String(cleaned)
  }
}

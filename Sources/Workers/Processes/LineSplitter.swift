/// Cuts a stream of bytes into lines, at line feeds and carriage returns alike (programs redraw their
/// progress with the latter). Empty lines are left out; what a line has over the limit is dropped.
struct LineSplitter {
  private let limit: Int
  private var line: [UInt8] = []

  init(limit: Int) { self.limit = limit }

  /// The lines that `bytes` complete.
  mutating func feed(_ bytes: some Sequence<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte == 0x0A || byte == 0x0D {
        if let line = finish() { lines.append(line) }
      } else if line.count < limit {
        line.append(byte)
      }
    }
    return lines
  }

  /// What there is of a line that has not ended: programs that begin a bar with a carriage return leave it so until
  /// they draw it anew.
  var unfinished: String { String(decoding: line, as: UTF8.self) }

  /// The last line, if the stream ended within one. Bytes that are no UTF-8 become U+FFFD.
  mutating func finish() -> String? {
    guard !line.isEmpty else { return nil }
    defer { line.removeAll(keepingCapacity: true) }
    return String(decoding: line, as: UTF8.self)
  }
}

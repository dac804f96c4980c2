/// Which part of a medium is read or written: ffmpeg's `-ss`, `-to` and `-t`.
struct FFmpegSpan: Hashable {
  private(set) var start: Duration?
  private(set) var end: Duration?
  private(set) var length: Duration?

  /// Notes an option that says of it; others say nothing.
  mutating func note(_ option: String, _ value: String) {
    switch option {
    case "ss": start = Self.time(value)
    case "to": end = Self.time(value)
    case "t": length = Self.time(value)
    default: break
    }
  }

  /// How long that part is, of something that is `duration` long; nil where nobody can say.
  func expectedLength(of duration: Duration?) -> Duration? {
    let from = start ?? .zero
    var lengths: [Duration] = []
    if let duration { lengths.append(duration - from) }
    if let end { lengths.append(end - from) }
    if let length { lengths.append(length) }
    return lengths.min().map { max($0, .zero) }
  }

  /// Reads ffmpeg's forms of time: seconds, `[h:]m:s`, `ms` and `us`.
  static func time(_ text: String) -> Duration? {
    var digits = text[...]
    var scale = 1.0
    if digits.hasSuffix("us") {
      digits = digits.dropLast(2)
      scale = 1e-6
    } else if digits.hasSuffix("ms") {
      digits = digits.dropLast(2)
      scale = 1e-3
    } else if digits.hasSuffix("s") {
      digits = digits.dropLast()
    }
    let parts = digits.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count), scale == 1 || parts.count == 1 else { return nil }
    var seconds = 0.0
    for part in parts {
      guard !part.isEmpty, part.utf8.count <= 16,
        part.utf8.allSatisfy({
          (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
        }), let value = Double(part)
      else { return nil }
      seconds = seconds * 60 + value
    }
    guard seconds * scale < 1e8 else { return nil }
    return .seconds(seconds * scale)
  }
}

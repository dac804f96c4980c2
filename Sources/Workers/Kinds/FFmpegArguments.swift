import EventLoop
import Jobs

/// A submitter's arguments for ffmpeg, checked: what stands here can neither read nor write anything
/// but the job's own input and output.
struct FFmpegArguments: Hashable {
  let words: [String]
  /// Where the output begins in the input, where it ends, and how long it is: `-ss`, `-to`, `-t`.
  private(set) var start: Duration?
  private(set) var end: Duration?
  private(set) var length: Duration?

  static let countLimit = 128
  static let wordLimit = 2048

  /// Checks all words, and throws all faults at once.
  init(_ words: [String]) throws(FFmpegArgumentFaults) {
    var faults: [PayloadFault] = []
    if words.count > Self.countLimit {
      throw FFmpegArgumentFaults(
        faults: [PayloadFault("/arguments", "has more than \(Self.countLimit) words")])
    }
    self.words = words
    var index = 0
    while index < words.count {
      let pointer = "/arguments/\(index)"
      let word = words[index]
      index += 1
      guard word.hasPrefix("-"), word.utf8.count > 1 else {
        faults.append(PayloadFault(pointer, "\(Self.shown(word)) is not an option"))
        continue
      }
      guard let (name, value) = Self.option(String(word.dropFirst())) else {
        faults.append(PayloadFault(pointer, "the option \(Self.shown(word)) is not allowed"))
        // What follows an unknown option may be its value: not judged by itself.
        if index < words.count, !words[index].hasPrefix("-") { index += 1 }
        continue
      }
      if case .none = value { continue }
      guard index < words.count else {
        faults.append(PayloadFault(pointer, "\(Self.shown(word)) lacks its value"))
        continue
      }
      if let reason = value.fault(in: words[index]) {
        faults.append(PayloadFault("/arguments/\(index)", "\(Self.shown(word)) \(reason)"))
      } else {
        note(name, words[index])
      }
      index += 1
    }
    if !faults.isEmpty { throw FFmpegArgumentFaults(faults: faults) }
  }

  /// How long the output will be, of an input that is `duration` long.
  func expectedLength(of duration: Duration?) -> Duration? {
    let from = start ?? .zero
    var lengths: [Duration] = []
    if let duration { lengths.append(duration - from) }
    if let end { lengths.append(end - from) }
    if let length { lengths.append(length) }
    return lengths.min().map { max($0, .zero) }
  }

  private mutating func note(_ name: String, _ value: String) {
    switch name {
    case "ss": start = Self.time(value)
    case "to": end = Self.time(value)
    case "t": length = Self.time(value)
    default: break
    }
  }

  /// An option's name and what it takes; nil where it is not allowed.
  private static func option(_ text: String) -> (name: String, value: FFmpegOption.Value)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = FFmpegOption.named(name) else { return nil }
    guard parts.count > 1 else {
      // `-filter` without a stream may be of either kind.
      return (name, option.value)
    }
    guard option.takesStream, isStream(parts.dropFirst(), isMetadata: name == "metadata") else {
      return nil
    }
    if case .videoFilters = option.value, parts[1] == "a" { return (name, .audioFilters) }
    return (name, option.value)
  }

  /// `v`, `a:0`, `1`; for metadata also `s:a:0`, `g`, `c:1`.
  private static func isStream(_ parts: ArraySlice<Substring>, isMetadata: Bool) -> Bool {
    var parts = parts
    if isMetadata, let first = parts.first, ["s", "g", "c"].contains(first) {
      parts = parts.dropFirst()
      if parts.isEmpty { return true }
    }
    if let first = parts.first, ["v", "a", "s"].contains(first) { parts = parts.dropFirst() }
    guard let number = parts.popFirst() else { return true }
    return parts.isEmpty && (1...3).contains(number.utf8.count)
      && number.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
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

  /// A word as a fault shows it: short, without control characters.
  static func shown(_ word: String) -> String {
    let clean = LogBuffer.clean(word)
    return clean.count > 40 ? "\(clean.prefix(40))…" : clean
  }
}

/// All that is wrong with a submitter's arguments.
struct FFmpegArgumentFaults: Error, Hashable {
  var faults: [PayloadFault]
}

extension FFmpegOption.Value {
  /// Why `text` cannot be the value; nil where it can.
  func fault(in text: String) -> String? {
    guard text.utf8.count <= FFmpegArguments.wordLimit else { return "has a value too long" }
    let isGood =
      switch self {
      case .none: false
      case .number: text.wholeMatch(of: /[+-]?[0-9]{1,12}(\.[0-9]{1,9})?[kKMG]?/) != nil
      case .time: FFmpegArguments.time(text) != nil
      case .word: text.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]{0,63}/) != nil
      case .oneOf(let words): words.contains(text)
      case .flags(let names): Self.areFlags(text, of: names)
      case .size: text.wholeMatch(of: /[0-9]{1,5}x[0-9]{1,5}|[a-z][a-z0-9]{1,15}/) != nil
      case .ratio: text.wholeMatch(of: /[0-9]{1,9}(\.[0-9]{1,9})?([:\/][0-9]{1,9})?/) != nil
      case .streams:
        text.wholeMatch(of: /-?0(:[vVasdt])?(:[0-9]{1,3})?\??/) != nil
      case .inputNumber: text == "-1" || text == "0"
      case .metadata: text.wholeMatch(of: /[A-Za-z][A-Za-z0-9_-]{0,63}=[^\p{Cc}]*/) != nil
      case .videoFilters, .audioFilters: true
      }
    guard isGood else { return "may not be \(FFmpegArguments.shown(text))" }
    return switch self {
    case .videoFilters: FFmpegFilters.video.fault(in: text)
    case .audioFilters: FFmpegFilters.audio.fault(in: text)
    default: nil
    }
  }

  private static func areFlags(_ text: String, of names: Set<String>) -> Bool {
    guard !text.isEmpty else { return false }
    return text.split(omittingEmptySubsequences: true) { $0 == "+" || $0 == "-" }
      .allSatisfy { names.contains(String($0)) }
      && text.contains(where: \.isLetter)
  }
}

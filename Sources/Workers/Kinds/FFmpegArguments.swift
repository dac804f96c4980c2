import EventLoop
import Jobs

/// A submitter's options for ffmpeg's output, checked: what stands here can neither read nor write anything
/// but the job's own inputs and output.
struct FFmpegArguments: Hashable {
  /// Where the options stand, and what they may speak of.
  struct Setting: Hashable {
    /// How many inputs there are.
    var inputs = 1
    /// Whether filters may join several inputs (`-filter_complex`, `-map [label]`).
    var allowsGraph = false
    /// The place of the payload that all faults name; nil for `/arguments/<n>`.
    var pointer: String?
  }

  let words: [String]
  private(set) var span = FFmpegSpan()
  /// Whether the output ends with the shortest of the inputs, or plays them one after the other.
  private var isShortest = false
  private var isConcatenation = false

  static let countLimit = 128
  static let wordLimit = 2048

  /// Checks all words, and throws all faults at once.
  init(_ words: [String], in setting: Setting = Setting()) throws(PayloadFaults) {
    var faults: [PayloadFault] = []
    func pointer(_ index: Int) -> String { setting.pointer ?? "/arguments/\(index)" }
    if words.count > Self.countLimit {
      throw PayloadFaults([
        PayloadFault(setting.pointer ?? "/arguments", "has more than \(Self.countLimit) words")
      ])
    }
    self.words = words
    var index = 0
    while index < words.count {
      let place = pointer(index)
      let word = words[index]
      let shown = PayloadFault.shown(word)
      index += 1
      guard word.hasPrefix("-"), word.utf8.count > 1 else {
        faults.append(PayloadFault(place, "\(shown) is not an option"))
        continue
      }
      guard let (name, value) = Self.option(String(word.dropFirst()), in: setting) else {
        faults.append(PayloadFault(place, "the option \(shown) is not allowed"))
        // What follows an unknown option may be its value: not judged by itself.
        if index < words.count, !words[index].hasPrefix("-") { index += 1 }
        continue
      }
      if case .none = value {
        if name == "shortest" { isShortest = true }
        continue
      }
      guard index < words.count else {
        faults.append(PayloadFault(place, "\(shown) lacks its value"))
        continue
      }
      if let reason = value.fault(in: words[index], setting) {
        faults.append(PayloadFault(pointer(index), "\(shown) \(reason)"))
      } else {
        span.note(name, words[index])
        if case .filterGraph = value, FFmpegFilterGraph.isConcatenation(words[index]) { isConcatenation = true }
      }
      index += 1
    }
    if !faults.isEmpty { throw PayloadFaults(faults) }
  }

  /// How long the output will be, of inputs that are so long; nil where nobody can say.
  func expectedLength(of lengths: [Duration?]) -> Duration? {
    let known = lengths.compactMap(\.self)
    let whole: Duration? =
      if isShortest {
        known.min()
      } else if known.count < lengths.count {
        nil
      } else {
        isConcatenation ? known.reduce(.zero, +) : known.max()
      }
    return span.expectedLength(of: whole)
  }

  /// An option's name and what it takes; nil where it is not allowed.
  static func option(
    _ text: String, in setting: Setting
  ) -> (name: String, value: FFmpegOption.Value)? {
    if setting.allowsGraph, text == "filter_complex" { return (text, .filterGraph) }
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
}

extension FFmpegOption.Value {
  /// Why `text` cannot be the value; nil where it can.
  func fault(in text: String, _ setting: FFmpegArguments.Setting = .init()) -> String? {
    guard text.utf8.count <= FFmpegArguments.wordLimit else { return "has a value too long" }
    let isGood =
      switch self {
      case .none: false
      case .number: text.wholeMatch(of: /[+-]?[0-9]{1,12}(\.[0-9]{1,9})?[kKMG]?/) != nil
      case .time: FFmpegSpan.time(text) != nil
      case .word: text.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]{0,63}/) != nil
      case .oneOf(let words): words.contains(text)
      case .flags(let names): Self.areFlags(text, of: names)
      case .size: text.wholeMatch(of: /[0-9]{1,5}x[0-9]{1,5}|[a-z][a-z0-9]{1,15}/) != nil
      case .ratio: text.wholeMatch(of: /[0-9]{1,9}(\.[0-9]{1,9})?([:\/][0-9]{1,9})?/) != nil
      case .streams: Self.areStreams(text, setting)
      case .inputNumber: text == "-1" || Int(text).map { (0..<setting.inputs).contains($0) } ?? false
      case .metadata: text.wholeMatch(of: /[A-Za-z][A-Za-z0-9_-]{0,63}=[^\p{Cc}]*/) != nil
      case .videoFilters, .audioFilters, .filterGraph: true
      }
    guard isGood else { return "may not be \(PayloadFault.shown(text))" }
    return switch self {
    // What ffmpeg calls a simple graph may have labels within: one stream goes in, one comes out.
    case .videoFilters where setting.allowsGraph && text.contains("["),
      .audioFilters where setting.allowsGraph && text.contains("["):
      FFmpegFilterGraph.fault(in: text, inputs: setting.inputs)
    case .videoFilters: FFmpegFilters.video.fault(in: text)
    case .audioFilters: FFmpegFilters.audio.fault(in: text)
    case .filterGraph: FFmpegFilterGraph.fault(in: text, inputs: setting.inputs)
    default: nil
    }
  }

  private static func areStreams(_ text: String, _ setting: FFmpegArguments.Setting) -> Bool {
    if setting.allowsGraph, FFmpegFilterGraph.isLabel(text) { return true }
    // Without a number it is the first input's.
    if setting.allowsGraph, text.wholeMatch(of: /[vVas](:[0-9]{1,3})?\??/) != nil { return true }
    guard let match = text.wholeMatch(of: /-?([0-9]{1,2})(:[vVasdt])?(:[0-9]{1,3})?\??/),
      let input = Int(match.1)
    else { return false }
    return input < setting.inputs
  }

  private static func areFlags(_ text: String, of names: Set<String>) -> Bool {
    guard !text.isEmpty else { return false }
    return text.split(omittingEmptySubsequences: true) { $0 == "+" || $0 == "-" }
      .allSatisfy { names.contains(String($0)) }
      && text.contains(where: \.isLetter)
  }
}

/// A graph of filters between several inputs (`-filter_complex`): chains, joined by pads in brackets.
///
/// Each filter is judged as in a simple chain (``FFmpegFilters``); a pad is a label of letters and digits, or a stream
/// of one of the job's inputs.
enum FFmpegFilterGraph {
  /// Why `text` cannot be a graph over so many inputs; nil where it can.
  static func fault(in text: String, inputs: Int) -> String? {
    guard let elements = elements(of: text) else { return "has brackets or quotes that do not match in its filters" }
    // Nil at the beginning and after a separator: a filter must follow before the next.
    var hasFilter = false
    var hasEnded = false
    for element in elements {
      switch element {
      case .pad(let name):
        if !isPad(name, inputs: inputs) { return "may not use the pad [\(PayloadFault.shown(name))]" }
        hasEnded = hasFilter
      case .filter(let filter):
        if hasFilter { return "has two filters without a separator" }
        if let reason = FFmpegFilters.graph.fault(in: filter) { return reason }
        hasFilter = true
      case .separator:
        guard hasFilter else { return "has an empty filter chain" }
        (hasFilter, hasEnded) = (false, false)
      }
      if case .filter = element, hasEnded { return "has a filter behind its pads" }
    }
    return hasFilter ? nil : "has an empty filter chain"
  }

  /// Whether one input is played after the other.
  static func isConcatenation(_ text: String) -> Bool {
    (elements(of: text) ?? []).contains { element in
      if case .filter(let filter) = element { filter.hasPrefix("concat") } else { false }
    }
  }

  /// `[label]`, as `-map` takes what a graph puts out.
  static func isLabel(_ text: String) -> Bool {
    text.wholeMatch(of: /\[[A-Za-z_][A-Za-z0-9_]{0,31}\]/) != nil
  }

  private enum Element {
    case pad(String)
    case filter(String)
    case separator
  }

  /// Cut where ffmpeg cuts: at brackets, commas and semicolons that are neither quoted nor escaped. Nil where a bracket
  /// or a quote has no partner.
  private static func elements(of text: String) -> [Element]? {
    var elements: [Element] = []
    var filter = ""
    func endFilter() {
      let trimmed = filter[...].trimming { $0 == " " }
      if !trimmed.isEmpty { elements.append(.filter(String(trimmed))) }
      filter = ""
    }
    var rest = text[...]
    while let character = rest.popFirst() {
      switch character {
      case "[":
        endFilter()
        guard let end = rest.firstIndex(of: "]") else { return nil }
        elements.append(.pad(String(rest[..<end])))
        rest = rest[rest.index(after: end)...]
      case "]": return nil
      case ",", ";":
        endFilter()
        elements.append(.separator)
      case "\\":
        guard let next = rest.popFirst() else { return nil }
        filter += "\\\(next)"
      case "'":
        guard let end = rest.firstIndex(of: "'") else { return nil }
        filter += "'\(rest[...end])"
        rest = rest[rest.index(after: end)...]
      default: filter.append(character)
      }
    }
    endFilter()
    return elements
  }

  private static func isPad(_ name: String, inputs: Int) -> Bool {
    if isLabel("[\(name)]") { return true }
    guard let match = name.wholeMatch(of: /([0-9]{1,2})(:[vVas])?(:[0-9]{1,3})?/), let input = Int(match.1)
    else { return false }
    return input < inputs
  }
}

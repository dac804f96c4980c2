import Jobs

/// In which form a command tells its progress on standard output.
package enum CommandProgressForm: Hashable, Sendable {
  /// It does not.
  case none
  /// Lines of JSON: `{"percent":…,"stage":…,"message":…,"details":…}`, and `{"result":…}` at the end.
  case jsonLines
  /// Anywhere in a line, `41 %` or `41.5%`; the last one counts.
  case percent
  /// A regular expression with groups named `percent`, `stage` or `message`, at least one of them.
  case pattern(String)
}

/// Where a command's result is.
package enum CommandResultForm: Hashable, Sendable {
  /// In a line `{"result":…}`, where progress is told in lines of JSON.
  case told
  /// The last line of its standard output that is a JSON object and no progress.
  case line
  /// The file `result.json` of its output folder, which is then no artifact.
  case file
}

/// What a line of a command's output says.
enum CommandLine: Equatable {
  case progress(Progress)
  case result(JSONText)
  /// Nothing for us: it goes to the job's log.
  case other
}

/// Reads the output of a command by its form. Not Sendable, as expressions are not: one for each run.
struct CommandOutputParser {
  private enum Reader {
    case none
    case jsonLines
    case percent
    case pattern(Regex<AnyRegexOutput>)
  }

  private let reader: Reader

  /// Throws, with the reason, where an expression is none or lacks the group.
  init(_ form: CommandProgressForm) throws(CommandConfigurationError) {
    switch form {
    case .none: reader = .none
    case .jsonLines: reader = .jsonLines
    case .percent: reader = .percent
    case .pattern(let text):
      let groups = ["percent", "stage", "message"]
      guard groups.contains(where: { text.contains("(?<\($0)>") || text.contains("(?P<\($0)>") })
      else {
        throw .badPattern(text, reason: "it has no group named percent, stage or message")
      }
      do {
        reader = .pattern(try Regex(text))
      } catch {
        throw .badPattern(text, reason: "\(error)")
      }
    }
  }

  func read(_ line: String) -> CommandLine {
    switch reader {
    case .none: .other
    case .jsonLines: readJSON(line)
    case .percent: readPercent(line)
    case .pattern(let expression): readPattern(line, expression)
    }
  }

  private func readJSON(_ line: String) -> CommandLine {
    guard line.utf8.contains(UInt8(ascii: "{")),
      let value = try? JSONDocument(bytes: Array(line.utf8)).root, value.object != nil
    else {
      // Not an error: programs chat between their JSON lines, and chat goes to the log.
      return .other
    }
    if let result = value["result"] { return .result(result.text) }
    let progress = Progress(
      percent: value["percent"]?.double, stage: value["stage"]?.string,
      message: value["message"]?.string, details: value["details"]?.text)
    return progress == Progress() ? .other : .progress(progress)
  }

  private func readPercent(_ line: String) -> CommandLine {
    let bytes = Array(line.utf8)
    guard var end = bytes.lastIndex(of: UInt8(ascii: "%")) else { return .other }
    while end > 0, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
    var start = end
    while start > 0, isNumeral(bytes[start - 1]) { start -= 1 }
    guard let percent = Double(String(decoding: bytes[start..<end], as: UTF8.self)),
      (0...100).contains(percent)
    else { return .other }
    return .progress(Progress(percent: percent))
  }

  private func isNumeral(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
  }

  private func readPattern(_ line: String, _ expression: Regex<AnyRegexOutput>) -> CommandLine {
    // A line on which an expression gives up has no progress to tell.
    guard let match = try? expression.firstMatch(in: line) else { return .other }
    func group(_ name: String) -> String? {
      match.output.first { $0.name == name }?.substring.map(String.init)
    }
    let progress = Progress(
      percent: group("percent").flatMap { Double($0) }, stage: group("stage"),
      message: group("message"))
    return progress == Progress() ? .other : .progress(progress)
  }
}

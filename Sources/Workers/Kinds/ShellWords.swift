/// Cuts a command line into words as a shell does, and does nothing else that a shell does.
///
/// Blanks separate; quotes of both kinds and backslashes keep together (POSIX.1 2.2). Nothing is expanded and nothing
/// is run: `$`, backticks, `;`, `|`, `&`, `<`, `>`, `*`, `?`, `~` and `#` are plain characters of the word they
/// stand in.
enum ShellWords {
  /// Why a line cannot be cut.
  enum Fault: Error, Hashable {
    case openQuote, lastBackslash, controlCharacter

    /// The end of the sentence "the command …".
    var reason: String {
      switch self {
      case .openQuote: "has a quote that is not closed"
      case .lastBackslash: "ends with a backslash"
      case .controlCharacter: "holds a control character"
      }
    }
  }

  static func split(_ line: String) throws(Fault) -> [String] {
    var words: [String] = []
    // Nil between words: an empty pair of quotes is a word too.
    var word: String.UnicodeScalarView?
    var scalars = line.unicodeScalars[...]
    func add(_ scalar: Unicode.Scalar) throws(Fault) {
      guard scalar.value >= 0x20 || scalar == "\t" || scalar == "\n", scalar.value != 0x7F else {
        throw .controlCharacter
      }
      word = word ?? String.UnicodeScalarView()
      word?.append(scalar)
    }
    while let scalar = scalars.popFirst() {
      switch scalar {
      case " ", "\t", "\n", "\r":
        if let ended = word { words.append(String(ended)) }
        word = nil
      case "\\":
        guard let next = scalars.popFirst() else { throw .lastBackslash }
        // A backslash at the end of a line continues it.
        if next != "\n" { try add(next) }
      case "'":
        word = word ?? String.UnicodeScalarView()
        while true {
          guard let next = scalars.popFirst() else { throw .openQuote }
          if next == "'" { break }
          try add(next)
        }
      case "\"":
        word = word ?? String.UnicodeScalarView()
        while true {
          guard let next = scalars.popFirst() else { throw .openQuote }
          if next == "\"" { break }
          if next == "\\", let escaped = scalars.first, "\"\\$`\n".unicodeScalars.contains(escaped) {
            scalars.removeFirst()
            if escaped != "\n" { try add(escaped) }
          } else {
            try add(next)
          }
        }
      default: try add(scalar)
      }
    }
    if let ended = word { words.append(String(ended)) }
    return words
  }
}

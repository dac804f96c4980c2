import Jobs

/// What is wrong with a configured command.
package enum CommandConfigurationError: Error, Hashable, Sendable {
  /// An argument names a placeholder that there is not.
  case unknownPlaceholder(String, inArgument: String)
  /// A brace without its partner; a brace itself is written twice.
  case unbalancedBrace(inArgument: String)
  /// The expression cannot be used.
  case badPattern(String, reason: String)
}

/// An argument of a configured command, with its placeholders.
///
/// `{job.id}` `{job.attempt}` `{job.user}` · `{payload.<member>}` a text, number or truth value of
/// the payload · `{payload}` a file that holds the payload · `{input}` the file that the payload's
/// `input` names · `{output}` a file to be made, named by the payload's `output` · `{folder}` the
/// job's folder. What is filled in stays within this one argument, whatever it holds. `{{` and `}}`
/// are the braces themselves.
struct CommandTemplate: Hashable, Sendable {
  enum Placeholder: Hashable, Sendable {
    case jobID, attempt, user, payloadFile, input, output, folder
    case member(String)
  }

  private enum Piece: Hashable {
    case text(String)
    case placeholder(Placeholder)
  }

  private let pieces: [Piece]

  /// The placeholders in it.
  var placeholders: [Placeholder] {
    pieces.compactMap { if case .placeholder(let placeholder) = $0 { placeholder } else { nil } }
  }

  init(_ argument: String) throws(CommandConfigurationError) {
    var pieces: [Piece] = []
    var text = ""
    var rest = argument[...]
    while let character = rest.popFirst() {
      switch character {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        text.append(character)
        rest.removeFirst()
      case "{":
        guard let end = rest.firstIndex(of: "}") else {
          throw .unbalancedBrace(inArgument: argument)
        }
        let name = String(rest[..<end])
        guard let placeholder = Self.placeholder(name) else {
          throw .unknownPlaceholder(name, inArgument: argument)
        }
        if !text.isEmpty { pieces.append(.text(text)) }
        text = ""
        pieces.append(.placeholder(placeholder))
        rest = rest[rest.index(after: end)...]
      case "}": throw .unbalancedBrace(inArgument: argument)
      default: text.append(character)
      }
    }
    if !text.isEmpty || pieces.isEmpty { pieces.append(.text(text)) }
    self.pieces = pieces
  }

  private static func placeholder(_ name: String) -> Placeholder? {
    switch name {
    case "job.id": .jobID
    case "job.attempt": .attempt
    case "job.user": .user
    case "payload": .payloadFile
    case "input": .input
    case "output": .output
    case "folder": .folder
    default:
      if name.hasPrefix("payload."), name.utf8.count > 8 {
        .member(String(name.dropFirst(8)))
      } else {
        nil
      }
    }
  }

  /// The argument, filled in. Throws a sentence for the submitter where a value cannot be used.
  ///
  /// A value of the payload may not begin an argument with a dash, where the program would take it
  /// for an option; numbers may.
  func filled(
    payload: JSONValue, _ value: (Placeholder) -> String
  ) throws(PayloadFault) -> String {
    var argument = ""
    for piece in pieces {
      switch piece {
      case .text(let text): argument += text
      case .placeholder(.member(let name)):
        let (text, isNumber) = try Self.member(name, of: payload)
        if argument.isEmpty, text.hasPrefix("-"), !isNumber {
          throw PayloadFault("/\(name)", "may not begin with a dash")
        }
        argument += text
      case .placeholder(let placeholder): argument += value(placeholder)
      }
    }
    return argument
  }

  private static func member(
    _ name: String, of payload: JSONValue
  ) throws(PayloadFault) -> (text: String, isNumber: Bool) {
    guard let member = payload[name] else { throw PayloadFault("/\(name)", "is missing") }
    switch member.content {
    case .string(let text):
      if text.utf8.contains(0) { throw PayloadFault("/\(name)", "holds a NUL") }
      if text.utf8.count > 4096 { throw PayloadFault("/\(name)", "has more than 4096 bytes") }
      return (text, false)
    case .number(let digits): return (digits, true)
    case .bool(let bool): return (bool ? "true" : "false", false)
    case .null, .array, .object:
      throw PayloadFault("/\(name)", "must be a text, a number or a truth value")
    }
  }
}

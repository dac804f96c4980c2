import Redis

/// Makes a function of Redis, in a library of its own, of many small files.
///
/// - `--- @include "x"` stands for the text of x, once, before the outermost statement that it stands in: a file
///   names what it needs itself, and where it needs it. Two files that need each other declare what they define
///   before they include.
/// - What an included file declares with a value, `local waiting = {}`, is declared with the library, and has that
///   value at the beginning of each call: what a call leaves behind is not there for the next. Its functions are
///   made once, when Redis reads the library.
/// - The script itself is the body of the function, with `KEYS` and `ARGV`.
/// - `--- @flags no-writes` names the flags of the function, separated by spaces.
/// - A name in capitals is a constant, and its value is put in its place.
/// - Comments are left out.
struct LuaAssembler: Sendable {
  let includes: [String: [UInt8]]
  let constants: [String: String]

  /// The function is called by `name` and what its text comes to, so that another version of it has another name.
  func assemble(_ script: [UInt8], as name: String) -> RedisFunction {
    var parts = Parts()
    expand(script, isScript: true, into: &parts)
    let flags = parts.flags.map { "\"\($0)\"" }.joined(separator: ", ")
    let text = (parts.definitions + [""] + parts.beginnings + parts.body + [flags]).joined(separator: "\n")
    let full = "\(name)_\(RunningDigest.hexadecimal(of: Array(text.utf8)).prefix(16))"
    let library =
      ["#!lua name=\(full)"] + parts.definitions
      + ["redis.register_function{ function_name = \"\(full)\", callback = function(KEYS, ARGV)"]
      + parts.beginnings + parts.body + ["end, flags = { \(flags) } }"]
    return RedisFunction(name: full, library: library.joined(separator: "\n"))
  }

  private struct Parts {
    var included: Set<String> = []
    var definitions: [String] = []
    var beginnings: [String] = []
    var body: [String] = []
    var flags: [String] = []
  }

  private func expand(_ bytes: [UInt8], isScript: Bool, into parts: inout Parts) {
    for statement in statements(of: bytes) {
      var lines: [String] = []
      for line in statement {
        if line.hasPrefix("--- @include ") {
          let name = String(line.split(separator: "\"")[1])
          guard parts.included.insert(name).inserted else { continue }
          guard let text = includes[name] else {
            preconditionFailure("a script includes \(name), which is not there")
          }
          expand(text, isScript: false, into: &parts)
        } else if line.hasPrefix("--- @flags ") {
          parts.flags = line.split(separator: " ").dropFirst(2).map(String.init)
        } else {
          lines.append(withConstants(line))
        }
      }
      guard let first = lines.first else { continue }
      if isScript {
        parts.body += lines
      } else if first.hasPrefix("local "), !first.hasPrefix("local function "), let sign = first.firstRange(of: " = ") {
        parts.definitions.append(String(first[..<sign.lowerBound]))
        parts.beginnings.append(String(first.dropFirst("local ".count)))
        parts.beginnings += lines.dropFirst()
      } else {
        precondition(
          lines.count == 1 || !first.hasPrefix("local ") || first.hasPrefix("local function "),
          "what is declared with a value has it on the same line: \(first)")
        parts.definitions += lines
      }
    }
  }

  /// The outermost statements, line by line, without comments and indentation. A line that is not indented begins
  /// one, but where it ends or goes on with the one before.
  private func statements(of bytes: [UInt8]) -> [[Substring]] {
    var statements: [[Substring]] = []
    var isInHeader = false
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let code = line.drop { $0 == " " }
      if code.hasPrefix("--[[") { isInHeader = true }
      if isInHeader {
        if code.hasSuffix("]]") { isInHeader = false }
      } else if !code.isEmpty, !code.hasPrefix("--") || code.hasPrefix("--- @") {
        let word = code.prefix { $0.isLetter }
        let goesOn =
          code.startIndex != line.startIndex || ["end", "else", "elseif", "until"].contains(word)
          || code.first == "}" || code.first == ")"
        if goesOn, !statements.isEmpty {
          statements[statements.count - 1].append(code)
        } else {
          statements.append([code])
        }
      }
    }
    return statements
  }

  private func withConstants(_ line: Substring) -> String {
    var text = ""
    var word = ""
    var isQuoted = false
    func flush() {
      text += isQuoted ? word : constants[word] ?? word
      word = ""
    }
    for character in line {
      if character.isLetter || character.isNumber || character == "_" {
        word.append(character)
      } else {
        flush()
        if character == "\"" { isQuoted.toggle() }
        text.append(character)
      }
    }
    flush()
    return text
  }
}

/// Makes one script of many small files.
///
/// - `--- @include "x"` stands for the text of x, once: a file names what it needs itself.
/// - `--- @defer f "x"`, for a file that ends with the function f, makes f and what it needs only when it is
///   called. Redis runs a script from its first line each time, and a function that is made costs a tenth
///   of a command: what most calls do without is deferred, and stands in the branch that does not do
///   without, where there is one.
/// - `--- @shared` stands in files with variables that a whole script shares: these stand before the deferred
///   functions that need them, or each would have its own.
/// - A name in capitals is a constant, and its value is put in its place: a local that functions refer to
///   would cost each of them more than the constant does.
/// - Comments are left out.
struct LuaAssembler: Sendable {
  let includes: [String: [UInt8]]
  let constants: [String: String]

  func assemble(_ script: [UInt8]) -> String {
    var included: Set<String> = []
    var shared = Shared()
    let lines = expand(script, &included, &shared, isDeferred: false)
    return (shared.lines + lines).joined(separator: "\n")
  }

  /// What deferred functions alone asked for, and share.
  private struct Shared {
    var names: Set<String> = []
    var lines: [String] = []
  }

  private func expand(
    _ bytes: [UInt8], _ included: inout Set<String>, _ shared: inout Shared, isDeferred: Bool
  ) -> [String] {
    var lines: [String] = []
    var isInHeader = false
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let code = line.drop { $0 == " " }
      if code.hasPrefix("--[[") { isInHeader = true }
      if isInHeader {
        if code.hasSuffix("]]") { isInHeader = false }
      } else if code.hasPrefix("--- @include ") {
        let name = quoted(line)
        guard !shared.names.contains(name), included.insert(name).inserted else { continue }
        let text = text(of: name)
        if isDeferred, text.starts(with: "--- @shared".utf8) {
          // It includes nothing that the script may include later, and so have twice.
          var own: Set<String> = []
          shared.names.insert(name)
          let variables = expand(text, &own, &shared, isDeferred: false)
          precondition(own.isEmpty, "\(name) is shared, and includes something: it is to be included before")
          shared.lines += variables
        } else {
          lines += expand(text, &included, &shared, isDeferred: isDeferred)
        }
      } else if code.hasPrefix("--- @defer ") {
        let name = quoted(line)
        guard !included.contains(name) else { continue }
        // What it includes is its own: outside of it, it is not there.
        var own = included.union([name])
        let function = code.split(separator: " ")[2]
        lines.append("local function \(function)(...)")
        lines += expand(text(of: name), &own, &shared, isDeferred: true)
        lines += ["return \(function)(...)", "end"]
      } else if !code.hasPrefix("--"), !code.isEmpty {
        lines.append(withConstants(code))
      }
    }
    return lines
  }

  private func quoted(_ line: Substring) -> String {
    String(line.split(separator: "\"", omittingEmptySubsequences: false)[1])
  }

  private func text(of name: String) -> [UInt8] {
    guard let bytes = includes[name] else {
      preconditionFailure("a script includes \(name), which is not there")
    }
    return bytes
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

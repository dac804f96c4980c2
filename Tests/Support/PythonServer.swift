import Foundation

/// A server of a test's own that is written in Python, a script beside this file; ends with the object.
package final class PythonServer: Sendable {
  /// It did not come up; with what it said. `scripts/test` installs the packages it needs.
  package struct DidNotStart: Error { package let output: String }

  /// What it said of itself when it was ready.
  package let words: [String]
  private let process: SpawnedProcess

  /// The interpreter that has the packages: of the tests' own environment, or the one on the path.
  package static var interpreter: String {
    let environment = ProcessInfo.processInfo.environment
    if let named = environment["FANFARE_PYTHON"] { return named }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let own = root.appending(path: ".build/venv/bin/python").path
    return FileManager.default.isExecutableFile(atPath: own) ? own : "python3"
  }

  /// Starts a script; returns when it says "ready", and what stands behind that word.
  package static func start(_ script: String, _ arguments: String...) async throws -> PythonServer {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: script).path
    let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AWS_") }
    let process = try SpawnedProcess("/usr/bin/env", [interpreter, path] + arguments, environment: environment)
    var output = ""
    for await line in process.lines {
      output += line + "\n"
      let words = line.split(separator: " ").map(String.init)
      if words.first == "ready" { return PythonServer(process, Array(words.dropFirst())) }
    }
    throw DidNotStart(output: output)
  }

  private init(_ process: SpawnedProcess, _ words: [String]) {
    self.process = process
    self.words = words
  }

  /// Ends it without a goodbye.
  package func kill() async {
    process.signal(SIGKILL)
    _ = await process.ended()
  }

  deinit { process.signal(SIGKILL) }
}

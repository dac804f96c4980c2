import EventLoop
import Foundation
import Support

/// A `fanfare` of its own process, as an operator starts it; ends with the test.
actor FanfareProcess {
  /// It ended before it said that it serves; with what it printed.
  struct DidNotStart: Error, CustomStringConvertible {
    let output: String
    var description: String { "fanfare did not start:\n\(output)" }
  }

  private let process: SpawnedProcess
  /// Everything it printed until it was ready.
  private(set) var banner: [String] = []

  /// The binary beside this test's: what `swift build` made, or what FANFARE names.
  static var binary: String {
    if let path = ProcessInfo.processInfo.environment["FANFARE"] { return path }
    var folder = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
    while folder.path.count > 1 {
      folder.deleteLastPathComponent()
      let candidate = folder.appendingPathComponent("fanfare").path
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    preconditionFailure("there is no fanfare beside the tests: build it, or set FANFARE")
  }

  /// Starts `fanfare` with these arguments, behind `words` if there are any, and returns when it printed a
  /// line with `ready`.
  static func start(
    behind words: [String] = [], _ arguments: [String], environment: [String: String] = [:],
    until ready: String
  ) async throws -> FanfareProcess {
    let fanfare = FanfareProcess(
      try SpawnedProcess(
        words.isEmpty ? binary : "/usr/bin/env", words.isEmpty ? arguments : words + [binary] + arguments,
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": NSTemporaryDirectory()]
          .merging(environment) { $1 }))
    try await fanfare.read(until: ready)
    return fanfare
  }

  private init(_ process: SpawnedProcess) { self.process = process }

  private func read(until ready: String) async throws {
    for await line in process.lines {
      banner.append(line)
      if line.contains(ready) { return }
    }
    throw DidNotStart(output: banner.joined(separator: "\n"))
  }

  nonisolated var pid: Int32 { process.pid }

  /// Sends it a signal.
  func signal(_ number: Int32) { process.signal(number) }

  /// Ends it with a signal and returns when it is gone, with its status.
  @discardableResult
  func end(_ signal: Int32 = SIGTERM) async -> Int32 {
    process.signal(signal)
    return await process.ended()
  }

  /// Returns when it has ended by itself, with its status.
  func ended() async -> Int32 { await process.ended() }

  deinit { process.signal(SIGKILL) }
}

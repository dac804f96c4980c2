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

  private let process: Process
  private let lines: AsyncStream<String>
  private let ended: AsyncStream<Void>
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

  /// Starts `fanfare` with these arguments and returns when it printed a line with `ready`.
  static func start(
    _ arguments: [String], environment: [String: String] = [:], until ready: String
  ) async throws -> FanfareProcess {
    let fanfare = FanfareProcess(arguments, environment)
    try await fanfare.run(until: ready)
    return fanfare
  }

  private init(_ arguments: [String], _ environment: [String: String]) {
    process = Process()
    process.executableURL = URL(fileURLWithPath: Self.binary)
    process.arguments = arguments
    process.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": NSTemporaryDirectory()]
      .merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    let (lines, line) = AsyncStream<String>.makeStream()
    self.lines = lines
    let reader = LineReader(line)
    pipe.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil }
      reader.take(data)
    }
    let (ended, end) = AsyncStream<Void>.makeStream()
    self.ended = ended
    process.terminationHandler = { _ in end.finish() }
  }

  private func run(until ready: String) async throws {
    try process.run()
    for await line in lines {
      banner.append(line)
      if line.contains(ready) { return }
    }
    throw DidNotStart(output: banner.joined(separator: "\n"))
  }

  var pid: Int32 { process.processIdentifier }

  /// Ends it with a signal and returns when it is gone, with its status.
  @discardableResult
  func end(_ signal: Int32 = SIGTERM) async -> Int32 {
    if process.isRunning { Foundation.kill(process.processIdentifier, signal) }
    for await _ in ended {}
    return process.isRunning ? -1 : process.terminationStatus
  }

  deinit { if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) } }
}

/// Cuts what a pipe brings into lines. Called by one handler at a time.
private final class LineReader: @unchecked Sendable {
  // FileHandle calls its readability handler on one serial queue.
  private var rest = Data()
  private let line: AsyncStream<String>.Continuation

  init(_ line: AsyncStream<String>.Continuation) { self.line = line }

  func take(_ data: Data) {
    if data.isEmpty {
      if !rest.isEmpty { line.yield(String(decoding: rest, as: UTF8.self)) }
      return line.finish()
    }
    rest += data
    while let end = rest.firstIndex(of: 0x0A) {
      line.yield(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
      rest = Data(rest[(end + 1)...])
    }
  }
}

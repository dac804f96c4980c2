import EventLoop
import Foundation
import Support

/// A `fanfare` under chaos: its output is read all along, and an end that nobody asked for is a violation.
@EventLoop
final class ChaosProcess {
  /// Beginnings of what it logs that a run counts.
  private static let counted = [
    "a lease was lost": "leases that a worker was told it had lost",
    "a job was settled too late": "settlements refused",
    "a lease could not be renewed in time": "runs killed by a worker that could not renew",
    "leases were extended after a silence": "amnesties",
    "a worker was lost": "jobs requeued from lost workers",
  ]

  let pid: pid_t
  private(set) var port: Int?
  private(set) var isGone = false
  private let process: SpawnedProcess
  private let ledger: ChaosLedger
  private var isDoomed = false
  private var lastLines: [String] = []
  private let ready = AsyncStream<Never>.makeStream()

  /// Starts it; returns when it said so, or is gone.
  static func start(
    _ arguments: [String], environment: [String: String], until mark: String, _ ledger: ChaosLedger
  ) async throws -> ChaosProcess {
    let process = ChaosProcess(
      try SpawnedProcess(
        FanfareProcess.binary, arguments,
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": NSTemporaryDirectory()]
          .merging(environment) { $1 }), ledger)
    Task { await process.listen(for: mark) }
    Task { await process.outlive() }
    for await _ in process.ready.stream {}
    return process
  }

  private init(_ process: SpawnedProcess, _ ledger: ChaosLedger) {
    self.process = process
    self.ledger = ledger
    pid = process.pid
  }

  private func listen(for mark: String) async {
    for await line in process.lines {
      lastLines = lastLines.suffix(30) + [line]
      if line.hasPrefix("  page") {
        port = line.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) }
      }
      if line.contains(mark) { ready.continuation.finish() }
      for (words, name) in Self.counted where line.contains(words) { ledger.count(name) }
    }
  }

  private func outlive() async {
    let status = await process.ended()
    isGone = true
    ready.continuation.finish()
    guard !isDoomed else { return }
    ledger.violate("process \(pid) ended by itself with \(status):\n" + lastLines.joined(separator: "\n"))
  }

  func signal(_ number: Int32) { process.signal(number) }

  /// Ends it and returns when it is gone.
  @discardableResult
  func end(_ number: Int32 = SIGKILL) async -> Int32 {
    isDoomed = true
    process.signal(number)
    return await process.ended()
  }
}

import Foundation
import Support
import Testing

@testable import Workers

@Suite("The process table", .timeLimit(.minutes(1))) struct ProcessTableTests {
  private let mark = UUID().uuidString

  private func sleeper(_ environment: [String: String]) throws -> SpawnedProcess {
    try SpawnedProcess("/bin/sleep", ["1000"], environment: environment)
  }

  /// Everybody, as where the kernel does not tell what it has given out.
  private var everybody: Descent { Descent(ancestor: 1, before: nil) }

  /// What is started from now on.
  private func newcomers() async throws -> Descent {
    let before = ProcessTable.position()
    let first = try SpawnedProcess("/bin/true", [], environment: [:])
    _ = await first.ended()
    return Descent(ancestor: first.pid, before: before)
  }

  @Test("tells how far the kernel has come")
  func position() async throws {
    let before = try #require(ProcessTable.position())
    let process = try SpawnedProcess("/bin/true", [], environment: [:])
    _ = await process.ended()
    let now = try #require(ProcessTable.position())
    #expect(now.started > before.started)
    #expect(process.pid < now.limit)
  }

  @Test("kills those who carry a mark, among all and among newcomers")
  func kill() async throws {
    for descent in [everybody, try await newcomers()] {
      let processes = try (0..<3).map { _ in try sleeper(["MARK": mark]) }
      #expect(await ProcessTable.kill(descent, carrying: "MARK", mark) == 3)
      for process in processes { #expect(await process.ended() == 128 + SIGKILL) }
    }
  }

  @Test("spares those who carry a part of it, or another")
  func spared() async throws {
    let environments = [
      [:], ["MARK": mark + "1"], ["MARK": String(mark.dropLast())], ["XMARK": mark],
      ["OTHER": "MARK=\(mark)"],
    ]
    let others = try environments.map(sleeper)
    #expect(await ProcessTable.kill(everybody, carrying: "MARK", mark) == 0)
    for process in others {
      process.signal(SIGTERM)
      #expect(await process.ended() == 128 + SIGTERM)
    }
  }

  @Test("finds a mark behind an environment of any size, from the first moment on")
  func largeEnvironment() async throws {
    var environment = ["MARK": mark]
    for number in 0..<4 {
      environment["A\(number)"] = String(repeating: "a", count: 100_000)
    }
    // Killed as soon as it is there, when its program may just be beginning.
    for _ in 0..<20 {
      let process = try sleeper(environment)
      #expect(await ProcessTable.kill(everybody, carrying: "MARK", mark) == 1)
      process.signal(SIGTERM)
      #expect(await process.ended() == 128 + SIGKILL)
    }
  }
}

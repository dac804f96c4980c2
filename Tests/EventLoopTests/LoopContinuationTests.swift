import EventLoop
import Foundation
import Support
import Testing

@Suite("A caller that waits on the loop", .timeLimit(.minutes(1))) struct LoopContinuationTests {
  @EventLoop
  private final class Gate {
    private var waiting: [LoopContinuation<Int>] = []
    func wait() async -> Int { await EventLoop.suspend { waiting.append($0) } }
    func open(_ value: Int) {
      for continuation in waiting { continuation.resume(returning: value) }
      waiting = []
    }
    var count: Int { waiting.count }
  }

  @Test("goes on with what it is given, in a later turn") @EventLoop
  func order() async {
    let gate = Gate()
    var steps: [String] = []
    let task = Task { @EventLoop in
      steps.append("waits")
      let value = await gate.wait()
      steps.append("went on with \(value)")
    }
    while gate.count == 0 { await Task.yield() }
    gate.open(7)
    steps.append("opened")
    await task.value
    #expect(steps == ["waits", "opened", "went on with 7"])
  }

  @Test("never leaves the thread of the loop") @EventLoop
  func thread() async {
    let gate = Gate()
    let answers = (0..<100).map { _ in
      Task { @EventLoop in
        let value = await gate.wait()
        return EventLoop.executor.isOnLoop ? value : -1
      }
    }
    while gate.count < 100 { await Task.yield() }
    // From a callback of the loop, as an answer comes; not from a task.
    await withCheckedContinuation { opened in
      let timer = LoopTimer(after: .milliseconds(1)) {
        gate.open(3)
        opened.resume()
      }
      withExtendedLifetime(timer) {}
      Self.timer = timer
    }
    for answer in answers { #expect(await answer.value == 3) }
    Self.timer = nil
  }

  @EventLoop private static var timer: LoopTimer?

  @Test("leaves what is called from the loop to the pool of threads") @EventLoop
  func pool() async {
    let gate = Gate()
    let task = Task { @EventLoop in
      let value = await gate.wait()
      return (value, await Self.isElsewhere())
    }
    while gate.count == 0 { await Task.yield() }
    gate.open(1)
    let (value, isElsewhere) = await task.value
    #expect(value == 1 && isElsewhere)
  }

  @concurrent private static func isElsewhere() async -> Bool { !EventLoop.executor.isOnLoop }

  @Test("costs no second turn of the loop") @EventLoop
  func turns() async {
    // A task that resumes another is followed by it at once: both run before the loop looks at its sockets again.
    let gate = Gate()
    var turns = 0
    let turnEnd = TurnEnd { turns += 1 }
    let task = Task { @EventLoop in
      for _ in 0..<50 { _ = await gate.wait() }
    }
    for _ in 0..<50 {
      while gate.count == 0 { await Task.yield() }
      gate.open(0)
    }
    await task.value
    withExtendedLifetime(turnEnd) {}
    #expect(turns <= 500, "\(turns) turns for 50 answers")
  }

  @Test("who yields goes on behind all that is ready, and in the order of yielding") @EventLoop
  func yielding() async throws {
    let ran = Arrivals<String>()
    for number in 0..<100 {
      Task { @EventLoop in
        await EventLoop.yield()
        ran.append("behind \(number)")
      }
    }
    Task { @EventLoop in ran.append("ready") }
    let seen = try await ran.values(atLeast: 101)
    #expect(seen == ["ready"] + (0..<100).map { "behind \($0)" })
  }
}

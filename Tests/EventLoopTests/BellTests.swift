import EventLoop
import Support
import Testing

@Suite("A bell", .timeLimit(.minutes(1))) @EventLoop struct BellTests {
  private let bell = Bell()
  private let woken = Arrivals<String>()

  /// Waits under a name; returns once it does, for the task begins as soon as this one waits.
  private func waiter(_ name: String, upTo limit: Duration? = nil) async -> Task<Void, Never> {
    let begun = Arrivals<Void>()
    let task = Task { @EventLoop in
      begun.append(())
      await bell.wait(upTo: limit)
      woken.append(name)
    }
    _ = try? await begun.values(atLeast: 1)
    return task
  }

  @Test("wakes all who wait, in the order in which they came")
  func order() async {
    var tasks: [Task<Void, Never>] = []
    for name in ["first", "second", "third"] { tasks.append(await waiter(name, upTo: .seconds(600))) }
    bell.ring()
    for task in tasks { await task.value }
    #expect(woken.values == ["first", "second", "third"])
  }

  @Test("is forgotten where nobody waits: who comes then waits for the next ring")
  func forgotten() async {
    bell.ring()
    let task = await waiter("later")
    #expect(woken.values.isEmpty)
    bell.ring()
    await task.value
    #expect(woken.values == ["later"])
  }

  @Test("lets go after the limit, and only who has reached it")
  func limit() async {
    let patient = await waiter("patient")
    await bell.wait(upTo: .milliseconds(1))
    #expect(woken.values.isEmpty)
    bell.ring()
    await patient.value
    // Once more: nothing of the first wait is left.
    await bell.wait(upTo: .milliseconds(1))
  }

  @Test("is waited for although the task is cancelled")
  func uncancelled() async {
    let task = await waiter("one")
    task.cancel()
    await bell.wait(upTo: .milliseconds(10))
    #expect(woken.values.isEmpty)
    bell.ring()
    await task.value
    #expect(woken.values == ["one"])
  }

  @Test("is waited for no longer by a task that is cancelled, where it is told so", arguments: [false, true])
  func cancelled(isLate: Bool) async throws {
    let begun = Arrivals<Void>()
    let task = Task { @EventLoop in
      if isLate { withUnsafeCurrentTask { $0?.cancel() } }
      begun.append(())
      await bell.waitUnlessCancelled(upTo: .seconds(600))
    }
    try await begun.values(atLeast: 1)
    task.cancel()
    await task.value
    #expect(task.isCancelled)
    // The same by a ring.
    let other = Task { @EventLoop in
      begun.append(())
      await bell.waitUnlessCancelled()
      return Task.isCancelled
    }
    try await begun.values(atLeast: 2)
    bell.ring()
    #expect(await !other.value)
  }
}

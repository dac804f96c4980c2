import EventLoop
import Support
import Testing

@Suite("The event loop", .timeLimit(.minutes(1))) struct EventLoopTests {
  private struct Failure: Error {}

  @Test("runs jobs in the order in which they were given")
  func order() async throws {
    let ran = await Arrivals<Int>()
    for number in 0..<1000 { Task { @EventLoop in ran.append(number) } }
    #expect(try await ran.values(atLeast: 1000) == Array(0..<1000))
  }

  @Test("wakes for jobs of every thread, and loses none")
  func manyThreads() async throws {
    let ran = await Arrivals<Int>()
    await withTaskGroup { group in
      for lane in 0..<8 {
        group.addTask {
          for step in 0..<250 { Task { @EventLoop in ran.append(lane * 1000 + step) } }
        }
      }
    }
    let numbers = try await ran.values(atLeast: 2000)
    #expect(Set(numbers).count == 2000)
    for lane in 0..<8 {
      #expect(numbers.filter { $0 / 1000 == lane }.map { $0 % 1000 } == Array(0..<250))
    }
  }

  @Test("wakes each time anew, when it has gone to sleep between")
  func sleepBetween() async throws {
    let ran = await Arrivals<Int>()
    for number in 1...200 {
      Task { @EventLoop in ran.append(number) }
      #expect(try await ran.values(atLeast: number).last == number)
    }
  }

  @Test("leaves to its next turn what comes while it works")
  @EventLoop func nextTurn() async throws {
    let log = Arrivals<String>()
    let turnEnd = TurnEnd { log.append("turn") }
    Task {
      log.append("first")
      Task { log.append("second") }
    }
    let seen = try await log.values { $0.contains("second") }
    withExtendedLifetime(turnEnd) {}
    let first = try #require(seen.firstIndex(of: "first"))
    let second = try #require(seen.firstIndex(of: "second"))
    #expect(seen[first..<second].contains("turn"))
  }

  @Test("knows its own thread")
  func thread() async {
    #expect(!EventLoop.executor.isOnLoop)
    #expect(await EventLoop.run { EventLoop.executor.isOnLoop })
  }

  @Test("hands over what its code returns or throws")
  func results() async throws {
    #expect(await EventLoop.run { 41 + 1 } == 42)
    await #expect(throws: Failure.self) { try await EventLoop.run { throw Failure() } }
  }

  @Test("ends a process that takes another thread for it")
  func otherThread() async {
    await #expect(processExitsWith: .failure) { EventLoop.assumeIsolated {} }
  }
}

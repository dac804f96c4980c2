import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

// How a pool ends: what runs is waited for, given back, or left to itself.
extension WorkerPoolTests {
  @Test("waits for running jobs when it drains, and takes no more")
  func drain() async throws {
    let gate = Gate()
    let started = Gate()
    let workshop = await Workshop([
      ClosureWorker("wait") { [done] _ in
        await started.open()
        await gate.wait()
        return done
      }
    ])
    let job = await workshop.broker.add("wait")
    await started.wait()
    async let drained: Void = workshop.pool.drain(grace: .seconds(50))
    await gate.open()
    await drained
    #expect(await workshop.broker.settlement(of: job) == .complete(ok))
    let late = await workshop.broker.add("wait")
    #expect(await !workshop.broker.leased.contains { $0.lease.job == late })
    #expect(await workshop.pool.running == 0)
  }

  @Test("gives back what does not end within the grace of a drain")
  func release() async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    let workshop = await Workshop([
      ClosureWorker("sleep") { job in
        _ = try await Self.run(job, Self.sleeper(fifo.path))
        return .completed(nil)
      }
    ])
    let job = await workshop.broker.add("sleep")
    #expect(await fifo.line() == "alive")
    await workshop.pool.drain(grace: .milliseconds(50))
    #expect(await workshop.broker.settlement(of: job) == .release)
    await fifo.end()
  }

  @Test("ends at once when asked a second time, even if a program ignores SIGTERM")
  func secondDrain() async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    let workshop = await Workshop(
      [
        ClosureWorker("sleep") { job in
          _ = try await Self.run(job, Self.stubborn(fifo.path))
          return .completed(nil)
        }
      ], killGrace: .seconds(1000))
    let job = await workshop.broker.add("sleep")
    #expect(await fifo.line() == "alive")
    async let first: Void = workshop.pool.drain(grace: .seconds(1000))
    await workshop.pool.drain(grace: .zero)
    await first
    #expect(await workshop.broker.settlement(of: job) == .release)
    await fifo.end()
  }

  @Test("leaves a worker that ignores its end to itself")
  func abandonment() async throws {
    let gate = Gate()
    let started = Gate()
    let workshop = await Workshop(
      [
        ClosureWorker("deaf") { [done] _ in
          await started.open()
          await gate.wait()
          return done
        }
      ], abandonment: .milliseconds(50))
    let job = await workshop.broker.add("deaf")
    await started.wait()
    await workshop.pool.drain(grace: .zero)
    #expect(await workshop.broker.settlement(of: job) == .release)
    await gate.open()
  }
}

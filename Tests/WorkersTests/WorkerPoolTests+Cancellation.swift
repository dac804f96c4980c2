import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

// What becomes of a running job that somebody cancels.
extension WorkerPoolTests {
  @Test(
    "ends a cancelled job's processes and settles it as cancelled",
    arguments: [true, false])
  func cancellation(byDirective: Bool) async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    let workshop = await Workshop(
      [
        ClosureWorker("sleep") { job in
          _ = try await Self.run(job, Self.sleeper(fifo.path))
          return .completed(nil)
        }
      ], timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)))
    let job = await workshop.broker.add("sleep")
    #expect(await fifo.line() == "alive")
    await EventLoop.run {
      if byDirective {
        workshop.broker.direct(.cancel(job, forced: false))
      } else {
        workshop.broker.standings[job] = .cancelRequested
      }
    }
    guard case .cancel = await workshop.broker.settlement(of: job) else {
      Issue.record("the job was not settled as cancelled")
      return
    }
    await fifo.end()
    await workshop.close()
  }

  @Test("counts work that was done before it heard of its cancellation as done")
  func doneWins() async throws {
    let workshop = await Workshop(
      [
        ClosureWorker("quick") { [done] job in
          job.report(Progress(percent: 1))
          while !job.isCancelled { await Task.yield() }
          return done
        }
      ])
    await EventLoop.run {
      let job = workshop.broker.add("quick")
      workshop.broker.standings[job] = .cancelRequested
    }
    await workshop.broker.until { !workshop.broker.settlements.isEmpty }
    #expect(await workshop.broker.settlements[0].settlement == .complete(ok))
    await workshop.close()
  }

  @Test("kills at once when a cancellation is forced, also one that was asked for before")
  func forced() async throws {
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
    await EventLoop.run {
      workshop.broker.direct(.cancel(job, forced: false))
      workshop.broker.direct(.cancel(job, forced: true))
    }
    guard case .cancel = await workshop.broker.settlement(of: job) else {
      Issue.record("the job was not settled as cancelled")
      return
    }
    await fifo.end()
    await workshop.close()
  }
}

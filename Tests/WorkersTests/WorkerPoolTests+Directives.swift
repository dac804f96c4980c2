import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

// What a pool says of itself, and what it is told to be.
extension WorkerPoolTests {
  @Test("tells of itself with every heartbeat, and takes its leave at the end")
  func heartbeats() async throws {
    let workshop = await Workshop(
      [ClosureWorker("echo") { [done] _ in done }], slots: 3,
      timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)))
    await workshop.broker.until { workshop.broker.beats.count >= 2 }
    let report = try #require(await workshop.broker.beats.last)
    #expect(report.id == workshop.pool.id)
    #expect(report.process == Int(ProcessInfo.processInfo.processIdentifier))
    #expect(report.queues == [.default])
    #expect(report.kinds.map(\.description) == ["echo"])
    #expect(report.slots == 3)
    #expect(report.mode == .running)
    #expect(report.memory > 1 << 20)
    await workshop.close()
    #expect(await workshop.broker.dismissed == [workshop.pool.id])
  }

  @Test("goes on beating while its memory is measured, and measures once at a time")
  func slowMeasurement() async throws {
    let measured = Gate()
    let begun = Recorder<Int>()
    let workshop = await Workshop(
      [ClosureWorker("echo") { [done] _ in done }],
      timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)),
      measureMemory: {
        begun.add(1)
        // The first report waits for its figure.
        if begun.all.count > 1 { await measured.wait() }
        return begun.all.count
      })
    await workshop.broker.until { workshop.broker.beats.count >= 6 }
    #expect(begun.all.count == 2)
    #expect(await workshop.broker.beats.last?.memory == 1)
    await measured.open()
    await workshop.broker.until { workshop.broker.beats.last?.memory ?? 0 > 2 }
    await workshop.close()
  }

  @Test("takes no jobs while it is quiet, and goes on when it is told to", arguments: [true, false])
  func quiet(byDirective: Bool) async throws {
    let workshop = await Workshop(
      [ClosureWorker("echo") { [done] _ in done }],
      timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)))
    let broker = workshop.broker
    await broker.until { !broker.beats.isEmpty }
    await EventLoop.run {
      if byDirective { broker.direct(.become(.quiet)) }
      broker.wanted = .quiet
    }
    await broker.until { broker.beats.last?.mode == .quiet }
    let job = await broker.add("echo")
    let beats = await broker.beats.count
    await broker.until { broker.beats.count > beats + 2 }
    #expect(await broker.leased.isEmpty)
    await EventLoop.run {
      broker.wanted = .running
      if byDirective { broker.direct(.become(.running)) }
    }
    #expect(await broker.settlement(of: job) == .complete(ok))
    await workshop.close()
  }

  @Test("finishes or gives back what runs when it is told to stop, and ends")
  func stopping() async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    let stopped = Gate()
    let workshop = await Workshop(
      [
        ClosureWorker("sleep") { job in
          _ = try await Self.run(job, Self.sleeper(fifo.path))
          return .completed(nil)
        }
      ], stopGrace: .milliseconds(50))
    let job = await workshop.broker.add("sleep")
    #expect(await fifo.line() == "alive")
    await EventLoop.run {
      workshop.pool.whenStopped = { Task { await stopped.open() } }
      workshop.broker.direct(.become(.stopping))
    }
    await stopped.wait()
    #expect(await workshop.broker.settlement(of: job) == .release)
    #expect(await workshop.broker.dismissed == [workshop.pool.id])
    #expect(await workshop.pool.mode == .stopping)
    await fifo.end()
  }

  @Test("rests when it is told to stop and nobody waits for that, and begins again", arguments: [true, false])
  func restarting(byDirective: Bool) async throws {
    let started = Gate()
    let workshop = await Workshop(
      [
        ClosureWorker("deaf") { job in
          await started.open()
          while !job.isCancelled { await Task.yield() }
          throw CancellationError()
        },
        ClosureWorker("echo") { [done] _ in done },
      ], timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)), stopGrace: .milliseconds(50))
    let broker = workshop.broker
    let job = await broker.add("deaf")
    await started.wait()
    await EventLoop.run {
      broker.wanted = .stopping
      if byDirective { broker.direct(.become(.stopping)) }
    }
    #expect(await broker.settlement(of: job) == .release)
    await broker.until { broker.beats.last?.mode == .stopped }
    let late = await broker.add("echo")
    let beats = await broker.beats.count
    await broker.until { broker.beats.count > beats + 2 }
    #expect(await broker.leased.count == 1, "it takes nothing while it rests")
    #expect(await broker.beats.last?.mode == .stopped, "told to stop again, it has")
    #expect(await broker.dismissed.isEmpty, "it stays listed")
    await EventLoop.run {
      broker.wanted = .running
      if byDirective { broker.direct(.become(.running)) }
    }
    #expect(await broker.settlement(of: late) == .complete(ok))
    #expect(await workshop.pool.mode == .running)
    await workshop.close()
    #expect(await broker.dismissed == [workshop.pool.id])
  }

  @Test("ends while it rests")
  func endOfRest() async throws {
    let workshop = await Workshop(
      [ClosureWorker("echo") { [done] _ in done }],
      timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)))
    let broker = workshop.broker
    await EventLoop.run { broker.wanted = .stopping }
    await broker.until { broker.beats.last?.mode == .stopped }
    await workshop.pool.drain(grace: .seconds(20))
    #expect(await broker.dismissed == [workshop.pool.id])
    #expect(await workshop.pool.mode == .stopping)
  }
}

import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite("A worker pool", .timeLimit(.minutes(1))) struct WorkerPoolTests {
  let ok = JSONText(unchecked: Array(#"{"ok":true}"#.utf8))
  var done: Outcome { .completed(ok) }

  /// A shell that tells it lives through a fifo it holds, and waits for ever.
  static func sleeper(_ fifo: String) -> ChildCommand {
    ChildCommand("/bin/sh", ["-c", "exec 9>\"$1\"; echo alive >&9; exec sleep 1000", "sh", fifo])
  }

  /// The same, and SIGTERM does not end it.
  static func stubborn(_ fifo: String) -> ChildCommand {
    let script = "trap '' TERM; exec 9>\"$1\"; echo alive >&9; while :; do sleep 1000; done"
    return ChildCommand("/bin/sh", ["-c", script, "sh", fifo])
  }

  static func run(_ job: JobContext, _ command: ChildCommand) async throws -> ChildExit {
    try await job.run(command, onOutput: { job.log($0) }, onError: { job.log($0) })
  }

  @Test("runs a job and settles it with its result, after its last report")
  func completion() async throws {
    let workshop = await Workshop([
      ClosureWorker("echo") { [done] job in
        for tenth in 0..<500 { job.report(Progress(percent: Double(tenth) / 10)) }
        job.log("a line")
        return done
      }
    ])
    let job = await workshop.broker.add("echo")
    #expect(await workshop.broker.settlement(of: job) == .complete(ok))
    let progress = await workshop.broker.progress(of: job)
    #expect(progress.last?.percent == 49.9)
    #expect(progress.count <= 60)
    #expect(await workshop.broker.lines == ["a line"])
    await workshop.close()
  }

  @Test("never runs more jobs than it has slots")
  func slots() async throws {
    let workshop = await Workshop([ClosureWorker("echo") { [done] _ in done }], slots: 3)
    var jobs: [JobID] = []
    for _ in 0..<20 { jobs.append(await workshop.broker.add("echo")) }
    for job in jobs { _ = await workshop.broker.settlement(of: job) }
    #expect(await workshop.broker.mostLeasedAtOnce <= 3)
    #expect(await workshop.broker.settlements.count == 20)
    await workshop.close()
  }

  @Test("tells a worker's failures as they are")
  func failures() async throws {
    struct Odd: Error {}
    let own = JobFailure(code: "own", message: "own words")
    let workshop = await Workshop([
      ClosureWorker("failed") { _ in .failed(own) },
      ClosureWorker("for-good") { _ in .failedForGood(own) },
      ClosureWorker("until") { _ in .failedUntil(own, retryAfter: .seconds(7)) },
      ClosureWorker("thrown") { _ in throw own },
      ClosureWorker("odd") { _ in throw Odd() },
    ])
    let broker = workshop.broker
    let policy = Settlement.Retry.byPolicy(.standard)
    #expect(await broker.settlement(of: broker.add("failed")) == .fail(own, retry: policy))
    #expect(await broker.settlement(of: broker.add("for-good")) == .fail(own, retry: .never))
    #expect(
      await broker.settlement(of: broker.add("until")) == .fail(own, retry: .after(.seconds(7))))
    #expect(await broker.settlement(of: broker.add("thrown")) == .fail(own, retry: policy))
    let odd = await broker.settlement(of: broker.add("odd"))
    if case .fail(let failure, policy) = odd {
      #expect(failure.code == "worker_error")
    } else {
      Issue.record("it was not failed by policy: \(odd)")
    }
    await workshop.close()
  }

  @Test("leaves a job whose kind it does not know to others, its attempts unspent")
  func unknownKind() async throws {
    let workshop = await Workshop([ClosureWorker("echo") { [done] _ in done }])
    #expect(await workshop.broker.settlement(of: workshop.broker.add("strange")) == .snooze(for: .seconds(10)))
    #expect(await workshop.broker.settlement(of: workshop.broker.add("echo")) == .complete(ok))
    await workshop.close()
  }

  @Test("fails a result that the broker finds too large")
  func largeResult() async throws {
    let workshop = await Workshop([
      ClosureWorker("big") { _ in
        .completed(JSONText(unchecked: [UInt8](repeating: 0x31, count: 70_000)))
      }
    ])
    let job = await workshop.broker.add("big")
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("a result too large was not failed")
      return
    }
    #expect(failure.code == "result_too_large")
    await workshop.close()
  }

  @Test("says twice, at once, what it holds after the answer that gave it jobs was lost")
  func lostAnswer() async throws {
    let timing = LeaseTiming(lease: .seconds(600), beat: .seconds(200), margin: .milliseconds(40))
    let workshop = await Workshop([ClosureWorker("echo") { [done] _ in done }], timing: timing)
    let broker = workshop.broker
    await broker.until { broker.beats.count == 1 }
    await EventLoop.run { broker.takingsToLose = 1 }
    await broker.add("echo")
    await broker.until { broker.beats.count == 3 }
    #expect(await broker.heard == [nil, Timestamp(milliseconds: 1), Timestamp(milliseconds: 2)])
    #expect(await broker.renewals.last == [])
    let next = await broker.add("echo")
    #expect(await broker.settlement(of: next) == .complete(ok))
    await workshop.close()
  }

  @Test("passes on what it is woken for once it was told to rest")
  func passedOn() async throws {
    // Nothing but the job wakes it: one that looked by itself might be told to rest while it does not wait.
    let workshop = await Workshop([ClosureWorker("echo") { [done] _ in done }], pollInterval: .seconds(600))
    let broker = workshop.broker
    let first = await broker.add("echo")
    #expect(await broker.settlement(of: first) == .complete(ok))
    await broker.until { broker.isWaitedFor }
    // A heartbeat that comes late, as the first does where its memory takes long to measure, is told the same.
    let second = await EventLoop.run {
      broker.wanted = .quiet
      broker.direct(.become(.quiet))
      return broker.add("echo")
    }
    await broker.until { broker.passedOn == 1 }
    #expect(await broker.waiting.map(\.lease.job) == [second])
    await EventLoop.run {
      broker.wanted = .running
      broker.direct(.become(.running))
    }
    #expect(await broker.settlement(of: second) == .complete(ok))
    await workshop.close()
  }

  @Test("settles again when the broker was away")
  func settlementRetry() async throws {
    let workshop = await Workshop([ClosureWorker("echo") { [done] _ in done }])
    await EventLoop.run { workshop.broker.settlementsToLose = 2 }
    let job = await workshop.broker.add("echo")
    #expect(await workshop.broker.settlement(of: job) == .complete(ok))
    #expect(await workshop.broker.attemptedSettlements == 3)
    await workshop.close()
  }

  @Test("gives each job a private folder and removes it")
  func folders() async throws {
    let seen = Recorder<String>()
    let workshop = await Workshop([
      ClosureWorker("echo") { [done] job in
        let folder = try await job.folder()
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder)/x"))
        let mode = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions]
        seen.add(folder)
        seen.add("\(mode as? Int ?? 0)")
        return done
      }
    ])
    _ = await workshop.broker.settlement(of: workshop.broker.add("echo"))
    await workshop.close()
    #expect(seen.all.last == "\(0o700)")
    #expect(!FileManager.default.fileExists(atPath: seen.all[0]))
  }

  @Test("makes a folder only for a job that asks for one, and one however often it asks")
  func foldersAsked() async throws {
    let seen = Recorder<String>()
    let workshop = await Workshop([
      ClosureWorker("idle") { [done] job in
        seen.add("\(FileManager.default.fileExists(atPath: job.store.workFolder))")
        return done
      },
      ClosureWorker("asks") { [done] job in
        async let one = job.folder()
        async let other = job.folder()
        seen.add("\(try await one == other)")
        return done
      },
    ])
    _ = await workshop.broker.settlement(of: workshop.broker.add("idle"))
    _ = await workshop.broker.settlement(of: workshop.broker.add("asks"))
    await workshop.close()
    #expect(seen.all == ["false", "true"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: workshop.store.workFolder).isEmpty)
  }

  @Test("says that there is no room where a job's folder cannot be made, and lets it be tried again")
  func noFolder() async throws {
    let workshop = await Workshop([
      ClosureWorker("asks") { [done] job in
        _ = try await job.folder()
        return done
      }
    ])
    _ = try workshop.folder.write("in the way", to: "store")
    let settlement = await workshop.broker.settlement(of: workshop.broker.add("asks"))
    await workshop.close()
    guard case .fail(let failure, retry: .byPolicy) = settlement else {
      Issue.record("settled with \(settlement)")
      return
    }
    #expect(failure == JobFailure(code: "worker_error", message: "The worker has no room for the job."))
  }

  @Test("renews the leases of running jobs, all in one call")
  func renewal() async throws {
    let gate = Gate()
    let workshop = await Workshop(
      [
        ClosureWorker("wait") { [done] _ in
          await gate.wait(); return done
        }
      ],
      timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)))
    let jobs = await [workshop.broker.add("wait"), workshop.broker.add("wait")]
    await workshop.broker.until {
      workshop.broker.renewals.filter { Set($0.map(\.job)) == Set(jobs) }.count >= 3
    }
    await gate.open()
    for job in jobs { _ = await workshop.broker.settlement(of: job) }
    await workshop.close()
  }

  @Test("kills a job whose lease was lost, and writes nothing more")
  func lostLease() async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    // It would not end by SIGTERM, and the grace is longer than the test.
    let workshop = await Workshop(
      [
        ClosureWorker("sleep") { job in
          _ = try await Self.run(job, Self.stubborn(fifo.path))
          job.report(Progress(percent: 50))
          job.log("still here")
          return .completed(nil)
        }
      ], timing: LeaseTiming(lease: .seconds(10), beat: .milliseconds(20)))
    let job = await workshop.broker.add("sleep")
    #expect(await fifo.line() == "alive")
    await EventLoop.run { workshop.broker.standings[job] = .lost }
    await fifo.end()
    await workshop.pool.drain(grace: .seconds(30))
    #expect(await workshop.broker.settlements.isEmpty)
    #expect(await workshop.broker.attemptedSettlements == 0)
    #expect(await workshop.broker.reports.isEmpty)
    #expect(await workshop.broker.lines.isEmpty)
  }

  @Test("kills a job whose lease cannot be renewed, before the lease ends")
  func cutOff() async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    let lease = Duration.seconds(4)
    let workshop = await Workshop(
      [
        ClosureWorker("sleep") { job in
          _ = try await Self.run(job, Self.sleeper(fifo.path))
          return .completed(nil)
        }
      ],
      timing: LeaseTiming(lease: lease, beat: .milliseconds(100), margin: .milliseconds(3500)))
    await workshop.broker.add("sleep")
    #expect(await fifo.line() == "alive")
    await EventLoop.run { workshop.broker.isAway = true }
    await fifo.end()
    await workshop.pool.drain(grace: .seconds(30))
    #expect(await workshop.broker.attemptedSettlements == 0)
  }

  @Test("fails a run that takes longer than its job allows, or its kind", arguments: [true, false])
  func timeout(byJob: Bool) async throws {
    let folder = TemporaryFolder()
    let fifo = Fifo(folder.path("life"))
    let workshop = await Workshop([
      ClosureWorker("sleep", timeout: byJob ? .seconds(1000) : .milliseconds(300)) { job in
        _ = try await Self.run(job, Self.sleeper(fifo.path))
        return .completed(nil)
      }
    ])
    let job = await workshop.broker.add("sleep", timeout: byJob ? .milliseconds(300) : nil)
    guard case .fail(let failure, .byPolicy) = await workshop.broker.settlement(of: job) else {
      Issue.record("the run was not failed by policy")
      return
    }
    #expect(failure.code == "timeout")
    await workshop.close()
  }

  @Test("settles a job and takes the next one in one call")
  func fused() async throws {
    let workshop = await Workshop([ClosureWorker("echo") { [done] _ in done }], slots: 1)
    var jobs: [JobID] = []
    await EventLoop.run { for _ in 0..<10 { jobs.append(workshop.broker.add("echo")) } }
    for job in jobs { _ = await workshop.broker.settlement(of: job) }
    let exchanges = await workshop.broker.exchanges
    #expect(exchanges.count { $0.settlements == 1 && $0.limit == 1 } == 10)
    #expect(await workshop.broker.mostLeasedAtOnce == 1)
    await workshop.close()
  }

  @Test("names itself by host, process and chance")
  func identity() {
    let id = WorkerID.generated(host: "höst.example/x", process: 42)
    #expect(id.description.hasPrefix("h-st.example-x-42-"))
    #expect(WorkerID.generated() != WorkerID.generated())
  }
}

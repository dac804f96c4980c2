import EventLoop
import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// One run of a program, in a process group of its own.
///
/// When the program ends, by itself or not, all that is left of its group is killed, and so is what
/// left the group and carries the run's mark in its environment: no orphan survives. Its death is waited
/// for in every case. swift-subprocess starts it, reads from it and reaps it; what is ours is the
/// group's end and the lines.
package final class ChildProcess: Sendable {
  private enum Phase {
    case idle
    case running(pid_t)
    case ended
  }

  private enum Stop: Comparable {
    case none, terminate, kill
  }

  private struct State {
    var phase = Phase.idle
    var stop = Stop.none
    var written = 0
    var hasOverflown = false
    var hasRunTooLong = false
  }

  private let command: ChildCommand
  private let environment: [String: String]
  /// By what those are known that descend from this run and no other.
  private let mark: String?
  private let grace: Duration
  private let orphanGuard: OrphanGuard?
  private let state = Mutex(State())
  @EventLoop private var killTimer: LoopTimer?
  @EventLoop private var timeLimit: LoopTimer?

  /// The variable by which everything that descends from a run is found. A number is added to its
  /// value: a job may run several programs at a time, and the end of one must not end the others.
  static let mark = "FANFARE_RUN"

  private static let runs = Atomic<UInt64>(0)

  /// - Parameters:
  ///   - environment: all the variables the program gets.
  ///   - grace: the time between SIGTERM and SIGKILL.
  ///   - orphanGuard: who kills the group if this very process is killed.
  init(
    _ command: ChildCommand, environment: [String: String], grace: Duration,
    orphanGuard: OrphanGuard?
  ) {
    self.command = command
    mark = environment[Self.mark].map {
      "\($0).\(Self.runs.add(1, ordering: .relaxed).newValue)"
    }
    var environment = environment
    environment[Self.mark] = mark
    self.environment = environment
    self.grace = grace
    self.orphanGuard = orphanGuard
  }

  /// Asks the group to end (SIGTERM), and kills what is left of it after the grace.
  package func terminate() {
    guard signal(SIGTERM, .terminate) else { return }
    Task { @EventLoop in
      guard killTimer == nil, !hasEnded else { return }
      killTimer = LoopTimer(after: grace) { [weak self] in self?.kill() }
    }
  }

  /// Kills the group at once.
  package func kill() { _ = signal(SIGKILL, .kill) }

  private var hasEnded: Bool {
    state.withLock { if case .ended = $0.phase { true } else { false } }
  }

  /// Whether this is more than was done before. Under the lock a running group's number cannot be
  /// given to another: it is reaped only after `ended`.
  private func signal(_ number: Int32, _ stop: Stop) -> Bool {
    state.withLock { state in
      guard stop > state.stop else { return false }
      state.stop = stop
      guard case .running(let process) = state.phase else { return true }
      Foundation.kill(-process, number)
      return true
    }
  }

  /// Runs the program to its end. To be called once.
  ///
  /// Chunks of standard output and error are handed over in order, each stream by itself. When the
  /// task is cancelled the group is asked to end, as by ``terminate()``; this still returns only when
  /// it has. Throws ``ChildProcessError``.
  func run(
    onOutput: @escaping @Sendable ([UInt8]) -> Void, onError: @escaping @Sendable ([UInt8]) -> Void
  ) async throws(ChildProcessError) -> ChildExit {
    let input: FileDescriptor
    do {
      input = try FileDescriptor.open(
        FilePath(command.inputFile ?? "/dev/null"), .readOnly, options: .closeOnExec)
    } catch {
      throw .notStarted(command.program, reason: "its input cannot be read: \(error)")
    }
    var options = PlatformOptions()
    options.processGroupID = 0
    let configuration = Configuration(
      executable: command.program.hasPrefix("/")
        ? .path(FilePath(command.program)) : .name(command.program),
      arguments: Arguments(command.arguments),
      environment: .custom(
        Dictionary(
          uniqueKeysWithValues: environment.compactMap { name, value in
            Environment.Key(rawValue: name).map { ($0, value) }
          })),
      workingDirectory: command.folder.map { FilePath($0) }, platformOptions: options)
    let before = ProcessTable.position()
    // The library stops reading when its task is cancelled, but a child that is asked to end has
    // things to say yet: so it runs in a task that nobody cancels.
    let running = Task { @concurrent () async throws -> TerminationStatus in
      try await Subprocess.run(
        configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: true),
        output: .sequence, error: .sequence
      ) { execution in
        let process = execution.processIdentifier.value
        self.started(process)
        async let exit: Void = {
          // Signal 0 does nothing: this returns when the program has ended, whoever ended it.
          await execution.teardown(using: [
            .send(signal: Signal(rawValue: 0), allowedDurationToNextStep: .seconds(315_360_000))
          ])
          // It is not reaped yet, so the number is still the group's.
          self.ended(process)
          await self.killStrays(Descent(ancestor: process, before: before))
        }()
        async let errors: Void = self.read(execution.standardError, onError)
        try await self.read(execution.standardOutput, onOutput)
        try await errors
        await exit
      }.terminationStatus
    }
    await limitTime()
    let result = await withTaskCancellationHandler {
      await running.result
    } onCancel: {
      terminate()
    }
    await EventLoop.run {
      killTimer = nil
      timeLimit = nil
    }
    switch result {
    case .failure(let error):
      throw .notStarted(command.program, reason: "\(error)")
    case .success(let status):
      let state = state.withLock { ($0.hasOverflown, $0.hasRunTooLong) }
      if state.0 { throw .tooMuchOutput(limit: command.outputLimit) }
      if state.1, let limit = command.timeLimit { throw .tooLong(limit: limit) }
      return switch status {
      case .exited(let code): .status(code)
      case .signaled(let signal): .signal(signal)
      }
    }
  }

  @EventLoop private func limitTime() {
    guard let limit = command.timeLimit else { return }
    timeLimit = LoopTimer(after: limit) { [weak self] in
      guard let self else { return }
      state.withLock { $0.hasRunTooLong = true }
      kill()
    }
  }

  private func started(_ process: pid_t) {
    orphanGuard?.watch(group: process)
    state.withLock { state in
      state.phase = .running(process)
      switch state.stop {
      case .none: break
      case .terminate: Foundation.kill(-process, SIGTERM)
      case .kill: Foundation.kill(-process, SIGKILL)
      }
    }
  }

  private func ended(_ process: pid_t) {
    state.withLock { state in
      Foundation.kill(-process, SIGKILL)
      state.phase = .ended
    }
    orphanGuard?.forget(group: process)
  }

  /// Kills what left the group.
  private func killStrays(_ descent: Descent) async {
    guard let mark else { return }
    await ProcessTable.kill(descent, carrying: Self.mark, mark)
  }

  private func read(
    _ stream: SubprocessOutputSequence, _ consume: @Sendable ([UInt8]) -> Void
  ) async throws {
    for try await buffer in stream {
      let bytes = buffer.withUnsafeBytes { Array($0) }
      let isWithin = state.withLock { state in
        state.written += bytes.count
        if state.written > command.outputLimit { state.hasOverflown = true }
        return !state.hasOverflown
      }
      if isWithin { consume(bytes) } else { kill() }
    }
  }
}

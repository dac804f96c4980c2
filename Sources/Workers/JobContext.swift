import EventLoop
package import Jobs
import Synchronization

/// What a worker has in its hands while it does a job. Everything may be called from any thread.
package final class JobContext: Sendable {
  /// The job, its attempt, and the lease it is run under.
  package let job: LeasedJob
  /// What was asked for, wherever it was kept meanwhile.
  package let payload: JSONText
  /// Where inputs lie and outputs go.
  package let store: ArtifactStore

  package var id: JobID { job.lease.job }
  package var attempt: Int { job.attempt }

  private let reporter: JobReporter
  private let killGrace: Duration
  private let orphanGuard: OrphanGuard?
  private let children = Mutex(Children())
  private let folderOfOwn = Mutex<Task<Result<String, ArtifactError>, Never>?>(nil)

  private struct Children {
    var running: [ObjectIdentifier: ChildProcess] = [:]
    var stop: StopReason?
    var mayStart = true
  }

  init(
    job: LeasedJob, payload: JSONText, store: ArtifactStore, reporter: JobReporter,
    killGrace: Duration, orphanGuard: OrphanGuard?
  ) {
    self.job = job
    self.payload = payload
    self.store = store
    self.reporter = reporter
    self.killGrace = killGrace
    self.orphanGuard = orphanGuard
  }

  // MARK: What the run is told

  /// The run is to end: cancelled, timed out, lost, or given back.
  package var isCancelled: Bool { children.withLock { $0.stop != nil } }

  /// Marks the run as one that is to end. Its task is cancelled by the caller.
  func stop(_ reason: StopReason) { children.withLock { $0.stop = reason } }

  /// Kills the children there are, and starts no more.
  func killChildren() {
    let running = children.withLock { children in
      children.mayStart = false
      return Array(children.running.values)
    }
    for child in running { child.kill() }
  }

  // MARK: What the run tells

  /// Tells how far it has come; may be called as often as one likes, the newest counts.
  ///
  /// Texts over ``Jobs/Progress/byteLimit`` are left out, `details` first.
  package func report(_ progress: Progress) {
    var progress = progress
    if progress.byteCount > Progress.byteLimit { progress.details = nil }
    if progress.byteCount > Progress.byteLimit { progress.message = nil }
    if progress.byteCount > Progress.byteLimit { progress.stage = nil }
    reporter.report(progress)
  }

  /// Whether the last report was heard by anybody: a run may spare itself what only watchers see, like a preview.
  ///
  /// True until a report was answered. A hint: who comes later is told the job as it was last reported, so what
  /// the record is to hold must be reported all the same, and a report now and then finds out who has come.
  package var isWatched: Bool { reporter.isWatched }

  /// Adds a line to the job's log, which keeps the newest 200.
  package func log(_ line: String) { reporter.log(line) }

  // MARK: Files

  /// A private folder, empty at first, removed when the run has ended. Made when it is first asked for: what does
  /// without costs the disk nothing. Throws ``WorkFolderFault``.
  package func folder() async throws -> String {
    let making = folderOfOwn.withLock { making in
      let task =
        making
        ?? Task { [store, lease = job.lease] in
          do throws(ArtifactError) {
            return .success(try await store.makeWorkFolder(job: lease.job, token: lease.token))
          } catch {
            return .failure(error)
          }
        }
      making = task
      return task
    }
    do {
      return try await making.value.get()
    } catch {
      throw WorkFolderFault(reason: error)
    }
  }

  /// Removes the folder with all it holds, if there is one.
  func removeFolder() async throws(ArtifactError) {
    guard let making = folderOfOwn.withLock({ $0 }), case .success(let path) = await making.value else { return }
    try await store.removeWorkFolder(path)
  }

  /// Makes a file the job's artifact, one after the other. The file is moved; throws ``Jobs/ArtifactError``.
  ///
  /// Nothing appears once the run is to end, which a large file on its way to a bucket hears at once.
  package func publish(_ file: String, as name: ArtifactName) async throws -> Artifact {
    do throws(ArtifactError) {
      return try await store.publish(
        file, as: name, job: id, kind: job.kind, token: job.lease.token, owner: job.user,
        isHeld: { [self] in !isCancelled })
    } catch .objects(.cancelled) {
      throw CancellationError()
    }
  }

  // MARK: Children

  /// Runs a program to its end, in a process group of its own and in the job's folder.
  ///
  /// Lines of its output and error are handed over as they come, each stream by itself. When the run
  /// is to end the group gets SIGTERM and, after the grace, SIGKILL; this returns when the program
  /// has ended and nothing of its group is left. Throws ``ChildProcessError``, and
  /// `CancellationError` if the run was to end before or while the program ran.
  package func run(
    _ command: ChildCommand, onOutput: @escaping @Sendable (String) -> Void,
    onError: @escaping @Sendable (String) -> Void
  ) async throws -> ChildExit {
    let output = Mutex(LineSplitter(limit: command.lineLimit))
    let errors = Mutex(LineSplitter(limit: command.lineLimit))
    let exit = try await runRaw(
      command,
      onOutput: { bytes in for line in output.withLock({ $0.feed(bytes) }) { onOutput(line) } },
      onError: { bytes in for line in errors.withLock({ $0.feed(bytes) }) { onError(line) } })
    if let line = output.withLock({ $0.finish() }) { onOutput(line) }
    if let line = errors.withLock({ $0.finish() }) { onError(line) }
    return exit
  }

  /// As ``run(_:onOutput:onError:)``, with the bytes as they come.
  package func runRaw(
    _ command: ChildCommand, onOutput: @escaping @Sendable ([UInt8]) -> Void,
    onError: @escaping @Sendable ([UInt8]) -> Void
  ) async throws -> ChildExit {
    var command = command
    let folder = try await folder()
    if command.folder == nil { command.folder = folder }
    let environment = [
      "PATH": ChildCommand.path, "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8",
      "FANFARE_JOB_ID": id.description, "FANFARE_ATTEMPT": String(attempt),
    ].merging(command.environment) { _, own in own }.merging([
      OrphanGuard.mark: job.lease.worker.description,
      ChildProcess.mark: "\(id).\(job.lease.token)",
    ]) { _, mark in mark }
    let child = ChildProcess(
      command, environment: environment, grace: killGrace, orphanGuard: orphanGuard)
    try Task.checkCancellation()
    let mayStart = children.withLock { children in
      guard children.mayStart else { return false }
      children.running[ObjectIdentifier(child)] = child
      return true
    }
    guard mayStart else { throw CancellationError() }
    defer { children.withLock { $0.running[ObjectIdentifier(child)] = nil } }
    let exit = try await child.run(onOutput: onOutput, onError: onError)
    // A program that was asked to end may end well without having done its work.
    if isCancelled { throw CancellationError() }
    try Task.checkCancellation()
    return exit
  }
}

/// There is no folder for a job to run in.
struct WorkFolderFault: Error {
  let reason: ArtifactError
}

/// Why a run is to end before its work is done.
enum StopReason: Hashable, Sendable {
  /// Somebody cancelled the job.
  case cancelled
  /// It took longer than it may.
  case timedOut
  /// The lease is no longer ours, or may not be: nothing more is written.
  case lost
  /// The worker goes away; the job goes back to its queue.
  case released
}

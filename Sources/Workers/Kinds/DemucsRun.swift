import Jobs
import Synchronization

/// What is heard from Demucs while it runs.
final class DemucsRun: Sendable {
  private struct State {
    var progress = DemucsProgress()
    var output = LineSplitter(limit: 8 << 10)
    var errors = LineSplitter(limit: 8 << 10)
  }

  private let job: JobContext
  private let hidden: [(path: String, name: String)]
  private let state = Mutex(State())
  private let last = LastLines(limit: 8)

  /// `hiding` are paths of this machine, and what stands for them in the job's log.
  init(_ job: JobContext, hiding hidden: [(path: String, name: String)]) {
    self.job = job
    self.hidden = hidden
  }

  var lastErrors: String { last.text }

  func output(_ bytes: [UInt8]) {
    for line in state.withLock({ $0.output.feed(bytes) }) where !tell(line) { job.log(shown(line)) }
  }

  func errors(_ bytes: [UInt8]) {
    let (lines, unfinished) = state.withLock { ($0.errors.feed(bytes), $0.errors.unfinished) }
    for line in lines where !tell(line) {
      last.append(shown(line))
      job.log(shown(line))
    }
    // A bar stands without an end until it is drawn again.
    _ = tell(unfinished)
  }

  /// Takes what stands behind the last end of a line, when nothing more comes.
  func finish() {
    let (output, errors) = state.withLock { ($0.output.finish(), $0.errors.finish()) }
    if let output, !tell(output) { job.log(shown(output)) }
    if let errors, !tell(errors) {
      last.append(shown(errors))
      job.log(shown(errors))
    }
  }

  /// Whether the line is of a bar.
  private func tell(_ line: String) -> Bool {
    guard let percent = state.withLock({ $0.progress.feed(line) }) else { return false }
    job.report(Progress(percent: min(percent, 99), stage: "separating"))
    return true
  }

  private func shown(_ line: String) -> String {
    hidden.reduce(line) { $0.replacing($1.path, with: $1.name) }
  }
}

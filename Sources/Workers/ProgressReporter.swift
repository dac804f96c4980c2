import Jobs

/// Decides which progress reports are worth sending, so that a worker may report as often as it likes.
///
/// A report is sent when percent moved by a whole one, the stage changed, or 250 ms have passed since
/// the last; of those in between only the newest is kept. One is under way at a time: a slow broker
/// gets fewer. The last is always sent before the job is settled. A value: its caller has the clock.
struct ProgressReporter {
  enum Action: Equatable {
    case none
    case send(Progress)
    /// Ask again after this time.
    case wait(Duration)
  }

  private let interval: Duration
  private var sent: (progress: Progress, at: Duration)?
  private var pending: Progress?
  private var underWay: Progress?
  private var isFinishing = false

  init(interval: Duration = .milliseconds(250)) { self.interval = interval }

  /// Nothing is waiting and nothing under way.
  var isIdle: Bool { pending == nil && underWay == nil }

  /// Takes a report; it replaces the one that waits.
  mutating func report(_ progress: Progress, at now: Duration) -> Action {
    pending = progress
    return next(at: now)
  }

  /// The report under way was taken by the broker, or lost.
  mutating func ended(accepted: Bool, at now: Duration) -> Action {
    guard let progress = underWay else { preconditionFailure("an end without a report under way") }
    underWay = nil
    // What the broker did not take is said again, unless something newer waits or it is over.
    if !accepted, pending == nil, !isFinishing { pending = progress }
    sent = (progress, now)
    return next(at: now, isRetry: !accepted)
  }

  /// The time asked for with ``Action/wait(_:)`` has come.
  mutating func timeCame(at now: Duration) -> Action { next(at: now) }

  /// The job is about to be settled: what waits is sent without waiting any longer.
  mutating func finish(at now: Duration) -> Action {
    isFinishing = true
    return next(at: now)
  }

  private mutating func next(at now: Duration, isRetry: Bool = false) -> Action {
    guard underWay == nil, let progress = pending else { return .none }
    if let sent, !isFinishing {
      let passed = now - sent.at
      let moved = abs((progress.percent ?? 0) - (sent.progress.percent ?? 0)) >= 1
      let isNews = moved || progress.stage != sent.progress.stage
      if passed < interval, !isNews || isRetry { return .wait(interval - passed) }
    }
    pending = nil
    underWay = progress
    return .send(progress)
  }
}

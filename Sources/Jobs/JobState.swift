/// Where a job stands. «Stalled», «cancelling» and the like are facts beside the state.
package enum JobState: String, Hashable, Sendable, CaseIterable {
  /// Waits for its time.
  case scheduled
  /// Waits for something else: a parent, its user's window.
  case blocked
  /// Waits for a worker.
  case queued
  /// Leased to a worker.
  case running
  /// Failed, and waits for its next attempt.
  case retrying
  case completed
  case failed
  case cancelled

  /// Whether the job has ended; an ended job changes only if it is retried, as a new
  /// generation.
  package var isTerminal: Bool {
    switch self {
    case .completed, .failed, .cancelled: true
    case .scheduled, .blocked, .queued, .running, .retrying: false
    }
  }

  /// The letter that stands for the state in Redis and in the journal.
  package var letter: String {
    switch self {
    case .scheduled: "d"
    case .blocked: "b"
    case .queued: "w"
    case .running: "a"
    case .retrying: "y"
    case .completed: "c"
    case .failed: "f"
    case .cancelled: "x"
    }
  }

  package init?(letter: some StringProtocol) {
    guard let state = Self.allCases.first(where: { $0.letter == letter }) else { return nil }
    self = state
  }
}

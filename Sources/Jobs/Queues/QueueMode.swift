/// What a queue does with jobs at present.
package enum QueueMode: String, Hashable, Sendable, CaseIterable {
  /// Takes jobs and gives them out.
  case active
  /// Takes jobs, gives none out.
  case paused
  /// Takes none and gives none out; what runs is let run. Becomes `paused` when nothing runs.
  case draining
  /// Takes none; what waits is worked off. Becomes `paused` when nothing waits or runs.
  case drainingBacklog

  /// Whether submissions are let in.
  package var accepts: Bool { self == .active || self == .paused }
  /// Whether workers are given jobs.
  package var serves: Bool { self == .active || self == .drainingBacklog }

  /// The letter that stands for it in Redis and in the journal.
  package var letter: String {
    switch self {
    case .active: "a"
    case .paused: "p"
    case .draining: "d"
    case .drainingBacklog: "D"
    }
  }

  package init?(letter: some StringProtocol) {
    guard let mode = Self.allCases.first(where: { $0.letter == letter }) else { return nil }
    self = mode
  }
}

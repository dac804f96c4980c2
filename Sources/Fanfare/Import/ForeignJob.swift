import Jobs

/// A job of another system, as it is to stand in ours.
struct ForeignJob: Hashable, Sendable {
  /// What is done: a function's or a job's name, as the other system has it.
  var name: String
  var kind: JobKind
  var payload: JSONText
  var priority = Priority.normal
  var start = JobStart.now
  var maxAttempts: Int?
  var retry: RetryPolicy?
  var timeout: Duration?
  var startWithin: Duration?
  /// Jobs of the other system that have to end first.
  var parents: [String] = []
  var whenOneFails = ParentFailureRule.cancel
}

/// Why a job stays where it is.
struct ForeignJobFault: Error, Hashable, Sendable, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

/// Where a job waits in another system.
enum ForeignPlace: String, Hashable, Sendable, CaseIterable {
  case waiting
  case ready
  case prioritized
  case paused
  case delayed
  case scheduled
  case deferred
  case failed
}

/// The jobs of one place, in the order in which they would be run.
struct ForeignJobs: Sendable {
  var place: ForeignPlace
  var ids: [String]
}

/// What became of a job that was to be removed from another system.
enum ForeignRemoval: Hashable, Sendable {
  case removed
  /// A worker of the other system has it.
  case taken
  /// It is not on record any more.
  case gone
}

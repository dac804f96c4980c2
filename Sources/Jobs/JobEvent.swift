/// Something that happened to a job: one step of its record, with the number of that step.
package struct JobEvent: Hashable, Sendable {
  /// What readers who are behind may miss.
  package enum Class: Hashable, Sendable {
    /// Only the newest of a job matters.
    case progress
    /// A change of state: never dropped, never reordered.
    case state
  }

  package var `class`: Class
  package var id: JobID
  package var user: String
  package var position: StreamPosition
  package var at: Timestamp
  package var state: JobState
  package var attempt: Int
  /// The whole progress as it stands, in progress events and in the state events that changed it.
  package var progress: Progress
  package var isStalled: Bool
  package var isCancelling: Bool
  package var result: JSONText?
  package var failure: JobFailure?
  package var startedAt: Timestamp?
  package var finishedAt: Timestamp?
  /// Why it changed, in a word, where the state alone does not tell: `released`, `lost`, `due`,
  /// `cancelling`, `stalled`, `recovered`, `promoted`, `retried`, `reprioritised`, `moved`.
  package var reason: String?

  package init(
    class: Class, id: JobID, user: String, position: StreamPosition, at: Timestamp,
    state: JobState, attempt: Int, progress: Progress = Progress(), isStalled: Bool = false,
    isCancelling: Bool = false, result: JSONText? = nil, failure: JobFailure? = nil,
    startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil, reason: String? = nil
  ) {
    self.class = `class`
    self.id = id
    self.user = user
    self.position = position
    self.at = at
    self.state = state
    self.attempt = attempt
    self.progress = progress
    self.isStalled = isStalled
    self.isCancelling = isCancelling
    self.result = result
    self.failure = failure
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.reason = reason
  }
}

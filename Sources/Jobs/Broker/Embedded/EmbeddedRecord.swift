import EventLoop

/// A job as the embedded broker keeps it.
@EventLoop
final class EmbeddedRecord {
  /// What the journal keeps of it.
  struct Row: Sendable {
    var id: JobID
    var queue: QueueName
    var kind: JobKind
    var user: String
    var state: JobState
    var priority: Priority
    var attempt: Int
    var maxAttempts: Int
    var lostDeliveries: Int
    var permille: Int?
    var stage: String?
    var message: String?
    var details: JSONText?
    var isCancelling: Bool
    var result: JSONText?
    var failure: JobFailure?
    var createdAt: Timestamp
    var startedAt: Timestamp?
    var finishedAt: Timestamp?
    var updatedAt: Timestamp
    var timeout: Duration?
    /// No event has a number above it: numbers are taken in blocks, so that progress needs no write.
    var reservedOffset: UInt64
    var epoch: String
    /// Grows with every submission: the order within a priority, and that of listings.
    var sequence: Int64
    /// The fencing token of the last lease; 0 before the first.
    var token: UInt64
    /// When a retrying job returns.
    var dueAt: Timestamp?
  }

  nonisolated static let logLimit = 200
  nonisolated static let logLineLimit = 1024

  var row: Row
  let payload: JSONText
  var offset: UInt64
  var worker: WorkerID?
  var deadline: Timestamp?
  var log: [(number: Int, text: String)] = []

  init(row: Row, payload: JSONText, offset: UInt64) {
    self.row = row
    self.payload = payload
    self.offset = offset
  }

  var position: StreamPosition { StreamPosition(offset: offset, epoch: row.epoch) }

  var progress: Progress {
    Progress(
      percent: row.permille.map { Double($0) / 10 }, stage: row.stage, message: row.message,
      details: row.details)
  }

  func clearProgress() {
    row.permille = nil
    row.stage = nil
    row.message = nil
    row.details = nil
  }

  /// Whether this lease is the one in force.
  func isHeld(by lease: Lease) -> Bool { row.state == .running && row.token == lease.token }

  /// The job as callers see it.
  func job(position place: Int?, now: Timestamp) -> Job {
    Job(
      id: row.id, queue: row.queue, kind: row.kind, user: row.user, state: row.state,
      priority: row.priority, attempt: row.attempt, maxAttempts: row.maxAttempts,
      lostDeliveries: row.lostDeliveries, progress: progress, queuePosition: place,
      isStalled: row.state == .running && deadline.map { $0 < now } ?? false,
      isCancelling: row.isCancelling, result: row.result, failure: row.failure,
      createdAt: row.createdAt, startedAt: row.startedAt, finishedAt: row.finishedAt,
      updatedAt: row.updatedAt, timeout: row.timeout, position: position, payload: payload)
  }

  /// The event of the step that was just made.
  func event(_ class: JobEvent.Class, at time: Timestamp, reason: String? = nil) -> JobEvent {
    JobEvent(
      class: `class`, id: row.id, user: row.user, position: position, at: time, state: row.state,
      attempt: row.attempt, progress: progress, isCancelling: row.isCancelling,
      result: row.result, failure: row.failure, reason: reason)
  }
}

/// Whose key it is, and which.
struct IdempotencyKey: Hashable, Sendable {
  var user: String
  var key: String
}

/// What a key stands for, and how long.
struct IdempotencyEntry: Hashable, Sendable {
  var job: JobID
  var fingerprint: String
  var expiresAt: Timestamp
}

package import Jobs

/// The one JSON form of jobs and events, the same on every transport (docs/protocol.md §Job).
///
/// What is absent is left out; times are milliseconds since 1970; what workers and submitters wrote
/// (payload, details, result) goes through byte by byte.
package enum JobDocument {
  /// The whole record.
  package static func text(
    of job: Job, estimate: WaitEstimate? = nil, showsWorker: Bool = false
  ) -> JSONText {
    var writer = JSONWriter(reserving: 512)
    writer.object { write(job, estimate: estimate, showsWorker: showsWorker, into: &$0) }
    return writer.text
  }

  /// A place in the queue, and how long that is likely to last.
  package static func text(of place: QueuePlace, estimate: WaitEstimate?, for id: JobID) -> JSONText {
    var writer = JSONWriter(reserving: 128)
    writer.object {
      $0.member("event", "position")
      $0.member("id", id.description)
      $0.member("position", place.position)
      write(estimate, into: &$0)
    }
    return writer.text
  }

  /// The record as an event, for those who lack more than one step.
  package static func snapshot(of job: Job, estimate: WaitEstimate? = nil) -> JSONText {
    var writer = JSONWriter(reserving: 512)
    writer.object {
      $0.member("event", "snapshot")
      var job = job
      job.payload = nil
      write(job, estimate: estimate, into: &$0)
    }
    return writer.text
  }

  /// One step.
  package static func text(of event: JobEvent) -> JSONText {
    var writer = JSONWriter(reserving: 256)
    writer.object {
      $0.member("event", event.class == .progress ? "progress" : "state")
      $0.member("id", event.id.description)
      $0.member("state", event.state.rawValue)
      if event.attempt > 0 { $0.member("attempt", event.attempt) }
      write(event.progress, of: event.state, into: &$0)
      if event.class == .state {
        // Written even when false: a client that merges events must learn that a fact ended.
        $0.member("stalled", event.isStalled)
        $0.member("cancelling", event.isCancelling)
      }
      $0.member("reason", event.reason)
      $0.member("result", event.result)
      write(event.failure, into: &$0)
      $0.member("at", event.at.milliseconds)
      $0.member("offset", event.position.offset)
      $0.member("epoch", event.position.epoch)
    }
    return writer.text
  }

  /// The members of the record, into an object that is open; the worker that holds it only where asked.
  package static func write(
    _ job: Job, estimate: WaitEstimate? = nil, showsWorker: Bool = false,
    into writer: inout JSONWriter
  ) {
    writer.member("id", job.id.description)
    writer.member("queue", job.queue.description)
    writer.member("kind", job.kind.description)
    writer.member("user", job.user)
    writer.member("state", job.state.rawValue)
    writer.member("priority", job.priority.level)
    writer.member("position", job.queuePosition)
    write(estimate, into: &writer)
    if job.pendingParents > 0 { writer.member("pending_parents", job.pendingParents) }
    writer.member("group", job.group?.description)
    if showsWorker { writer.member("worker", job.worker?.description) }
    if job.attempt > 0 { writer.member("attempt", job.attempt) }
    writer.member("max_attempts", job.maxAttempts)
    if job.lostDeliveries > 0 { writer.member("lost", job.lostDeliveries) }
    write(job.progress, of: job.state, into: &writer)
    writer.fact("stalled", job.isStalled)
    writer.fact("cancelling", job.isCancelling)
    writer.member("result", job.result)
    write(job.failure, into: &writer)
    writer.member("created_at", job.createdAt.milliseconds)
    writer.member("started_at", job.startedAt?.milliseconds)
    writer.member("finished_at", job.finishedAt?.milliseconds)
    writer.member("updated_at", job.updatedAt.milliseconds)
    writer.member("due_at", job.dueAt?.milliseconds)
    writer.member("start_by", job.startBy?.milliseconds)
    writer.member("end_by", job.endBy?.milliseconds)
    writer.member("timeout", seconds: job.timeout)
    if let payload = job.payload { write(payload, into: &writer) }
    writer.member("offset", job.position.offset)
    writer.member("epoch", job.position.epoch)
  }

  /// What was asked for, or that it cannot be shown.
  static func write(_ payload: JobPayload, into writer: inout JSONWriter) {
    switch payload {
    case .inline(let text): writer.member("payload", text)
    case .stored(let payload):
      writer.object("payload_error") {
        $0.member("code", "payload_unreadable")
        $0.member("message", "The payload, \(payload.size) bytes, cannot be read from the store at present.")
      }
    }
  }

  /// Seconds.
  private static func write(_ estimate: WaitEstimate?, into writer: inout JSONWriter) {
    guard let estimate else { return }
    writer.object("estimate") {
      $0.member("least", seconds: estimate.least)
      $0.member("most", seconds: estimate.most)
    }
  }

  private static func write(
    _ progress: Progress, of state: JobState, into writer: inout JSONWriter
  ) {
    writer.member(tenths: "percent", state == .completed ? 100 : progress.percent)
    writer.member("stage", progress.stage)
    writer.member("message", progress.message)
    writer.member("details", progress.details)
  }

  private static func write(_ failure: JobFailure?, into writer: inout JSONWriter) {
    guard let failure else { return }
    writer.object("error") {
      $0.member("code", failure.code)
      $0.member("message", failure.message)
    }
  }
}

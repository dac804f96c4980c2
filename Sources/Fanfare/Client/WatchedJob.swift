import Jobs

/// A job as a watcher knows it: a document, and the events that came since laid over it.
struct WatchedJob: Watched, Sendable, Equatable {
  var id: String
  var kind = ""
  var state = JobState.queued
  /// Place in the queue, while queued.
  var place: Int?
  /// How long it is likely to wait yet.
  var estimate: WaitEstimate?
  var attempt = 0
  var maxAttempts = 0
  var percent: Double?
  var stage: String?
  var message: String?
  /// How many times faster than real time a medium is worked on, if the worker tells.
  var speed: Double?
  /// What is left, if the worker tells.
  var remaining: Duration?
  var isStalled = false
  var isCancelling = false
  /// The result, as JSON.
  var result: JSONText?
  var failure: JobFailure?
  var startedAt: Timestamp?
  var finishedAt: Timestamp?
  /// Where to resume.
  var position: StreamPosition?

  init(id: String) { self.id = id }

  var channel: String { "job:\(id)" }
  var hasEnded: Bool { state.isTerminal }

  /// Lays a job document or an event over what is known. False, and nothing is changed, for an event
  /// that is older than what is known.
  @discardableResult
  mutating func merge(_ value: JSONValue, offset: Int? = nil) -> Bool {
    if value["event"]?.string == "position" { return take(place: value) }
    // Of the stream, not of the job.
    if value["event"]?.string == "delivery" { return false }
    let offset = (offset ?? value["offset"]?.int).flatMap(UInt64.init(exactly:))
    let epoch = value["epoch"]?.string ?? position?.epoch
    if let offset, let known = position, known.epoch == epoch, offset < known.offset {
      return false
    }
    if let offset, let epoch { position = StreamPosition(offset: offset, epoch: epoch) }

    let isProgress = value["event"]?.string == "progress"
    let newAttempt = value["attempt"]?.int ?? attempt
    let newState = value["state"]?.string.flatMap(JobState.init(rawValue:)) ?? state
    if newAttempt != attempt || (newState == .queued && state != .queued) { forgetProgress() }
    attempt = newAttempt
    state = newState
    kind = value["kind"]?.string ?? kind
    maxAttempts = value["max_attempts"]?.int ?? maxAttempts
    place = state == .queued ? value["position"]?.int ?? place : nil
    estimate = state == .queued ? Self.estimate(in: value) ?? estimate : nil
    mergeProgress(value)
    result = value["result"]?.text ?? result
    if let error = value["error"] {
      failure = JobFailure(
        code: error["code"]?.string ?? "unknown", message: error["message"]?.string ?? "")
    }
    startedAt = Self.time(value["started_at"]) ?? startedAt
    finishedAt = Self.time(value["finished_at"]) ?? finishedAt
    if !isProgress {
      // Facts that are not named are not so.
      isStalled = value["stalled"]?.bool ?? false
      isCancelling = value["cancelling"]?.bool ?? false
    }
    if state == .completed { percent = 100 }
    return true
  }

  /// A place is no step of the job: it has no number, and means nothing once the job has left the queue.
  private mutating func take(place value: JSONValue) -> Bool {
    guard state == .queued, let position = value["position"]?.int else { return false }
    place = position
    estimate = Self.estimate(in: value)
    return true
  }

  private static func estimate(in value: JSONValue) -> WaitEstimate? {
    guard let least = value["estimate"]?["least"]?.double, let most = value["estimate"]?["most"]?.double
    else { return nil }
    return WaitEstimate(least: .seconds(least), most: .seconds(most))
  }

  private mutating func forgetProgress() {
    (percent, stage, message, speed, remaining) = (nil, nil, nil, nil, nil)
  }

  private mutating func mergeProgress(_ value: JSONValue) {
    percent = value["percent"]?.double ?? percent
    stage = value["stage"]?.string ?? stage
    message = value["message"]?.string ?? message
    guard let details = value["details"] else { return }
    speed = details["speed"]?.double
    remaining = details["eta_seconds"]?.double.flatMap { eta in
      eta.isFinite && (0..<1e9).contains(eta) ? .milliseconds(Int64(eta * 1000)) : nil
    }
  }

  private static func time(_ value: JSONValue?) -> Timestamp? {
    value?.int.map { Timestamp(milliseconds: Int64($0)) }
  }

  /// The artifacts the result names: their paths at the gateway.
  var artifacts: [String] {
    guard let result, let document = try? JSONDocument(bytes: result.bytes) else { return [] }
    return (document.root["artifacts"]?.array ?? []).compactMap { $0["url"]?.string }
  }
}

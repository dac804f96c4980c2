package import Jobs

/// What went wrong with a request, in the form of RFC 9457; mapped once, at the edge.
package struct Problem: Error, Hashable, Sendable {
  /// The kinds of problems; the last part of `type` and the member `code`.
  package enum Code: String, Hashable, Sendable, CaseIterable {
    case invalidRequest = "invalid-request"
    case invalidToken = "invalid-token"
    case missingToken = "missing-token"
    case tokenUnverifiable = "token-unverifiable"
    case permissionDenied = "permission-denied"
    case originRefused = "origin-refused"
    case notFound = "not-found"
    case jobNotFound = "job-not-found"
    case methodNotAllowed = "method-not-allowed"
    case conflict = "conflict"
    case unchanged = "unchanged"
    case idempotencyKeyReused = "idempotency-key-reused"
    case uniqueKeyTaken = "unique-key-taken"
    case parentNotFound = "parent-not-found"
    case queueNotFound = "queue-not-found"
    case queueNotEmpty = "queue-not-empty"
    case queueDraining = "queue-draining"
    case queueFull = "queue-full"
    case groupNotFound = "group-not-found"
    case groupClosed = "group-closed"
    case workerNotFound = "worker-not-found"
    case workerLost = "worker-lost"
    case scheduleNotFound = "schedule-not-found"
    case backupNotFound = "backup-not-found"
    case backupFailed = "backup-failed"
    case restoreFailed = "restore-failed"
    case changedMeanwhile = "changed-meanwhile"
    case lengthRequired = "length-required"
    case payloadTooLarge = "payload-too-large"
    case rangeNotSatisfiable = "range-not-satisfiable"
    case unsupportedMediaType = "unsupported-media-type"
    case quotaExceeded = "quota-exceeded"
    case brokerUnavailable = "broker-unavailable"
    case storageFull = "storage-full"
    case storeUnavailable = "store-unavailable"
    case shuttingDown = "shutting-down"
    case internalError = "internal-error"

    package var title: String {
      switch self {
      case .invalidRequest: "The request is not valid."
      case .invalidToken: "The token is not valid."
      case .missingToken: "A token is needed."
      case .tokenUnverifiable: "The token cannot be judged at present."
      case .permissionDenied: "The token does not allow this."
      case .originRefused: "This origin is not allowed."
      case .notFound: "There is nothing at this address."
      case .jobNotFound: "There is no such job."
      case .methodNotAllowed: "This method is not allowed here."
      case .conflict: "The state of the job does not allow this."
      case .unchanged: "It is so already."
      case .idempotencyKeyReused: "The idempotency key was used for another request."
      case .uniqueKeyTaken: "Another unfinished job has this unique key."
      case .parentNotFound: "A job that it depends on is not there."
      case .queueNotFound: "There is no such queue."
      case .queueNotEmpty: "The queue has unfinished jobs."
      case .queueDraining: "The queue is drained and takes no jobs."
      case .queueFull: "The queue is full."
      case .groupNotFound: "There is no such group."
      case .groupClosed: "The group takes no more jobs."
      case .workerNotFound: "There is no such worker."
      case .workerLost: "The worker is lost."
      case .scheduleNotFound: "There is no such schedule."
      case .backupNotFound: "There is no such backup."
      case .backupFailed: "The broker could not be backed up."
      case .restoreFailed: "The backup could not be taken in."
      case .changedMeanwhile: "It was changed meanwhile."
      case .lengthRequired: "A Content-Length is needed."
      case .payloadTooLarge: "The body is too large."
      case .rangeNotSatisfiable: "The range lies outside the file."
      case .unsupportedMediaType: "This kind of body is not understood."
      case .quotaExceeded: "Too many requests."
      case .brokerUnavailable: "The broker cannot be reached."
      case .storageFull: "There is no room for this file."
      case .storeUnavailable: "The store of files cannot be reached."
      case .shuttingDown: "The gateway is shutting down."
      case .internalError: "Something went wrong here."
      }
    }
  }

  /// One fault of the request, with the JSON pointer (RFC 6901) of where it is.
  package struct Fault: Hashable, Sendable {
    package var pointer: String
    package var detail: String

    package init(_ pointer: String, _ detail: String) {
      self.pointer = pointer
      self.detail = detail
    }
  }

  package var code: Code
  package var status: Int
  package var detail: String?
  package var faults: [Fault]
  /// When it is worth trying again.
  package var retryAfter: Duration?

  package init(
    _ code: Code, status: Int, detail: String? = nil, faults: [Fault] = [],
    retryAfter: Duration? = nil
  ) {
    self.code = code
    self.status = status
    self.detail = detail
    self.faults = faults
    self.retryAfter = retryAfter
  }

  package static let jobNotFound = Problem(.jobNotFound, status: 404)
  package static let groupNotFound = Problem(.groupNotFound, status: 404)
  package static let scheduleNotFound = Problem(.scheduleNotFound, status: 404)
  package static let notFound = Problem(.notFound, status: 404)

  /// All faults of a request at once.
  package static func invalid(_ faults: [Fault]) -> Problem {
    Problem(.invalidRequest, status: 400, faults: faults)
  }

  /// What the broker could not do.
  package init(_ error: BrokerError) {
    self =
      switch error {
      case .unavailable: Problem(.brokerUnavailable, status: 503, retryAfter: .seconds(1))
      case .jobNotFound: .jobNotFound
      case .idempotencyKeyReused: Problem(.idempotencyKeyReused, status: 422)
      case .uniqueKeyTaken(let holder):
        Problem(.uniqueKeyTaken, status: 409, detail: "The job \(holder) has it.")
      case .parentNotFound(let parent):
        Problem(.parentNotFound, status: 422, detail: "The job \(parent) is not there.")
      case .queueNotFound: Problem(.queueNotFound, status: 404)
      case .queueNotEmpty(let jobs):
        Problem(.queueNotEmpty, status: 409, detail: "\(jobs) jobs have not ended.")
      case .queueDraining: Problem(.queueDraining, status: 409)
      case .queueFull(let limit):
        Problem(
          .queueFull, status: 429, detail: "At most \(limit) jobs may wait in it.",
          retryAfter: .seconds(10))
      case .groupNotFound: .groupNotFound
      case .groupClosed: Problem(.groupClosed, status: 409)
      case .workerNotFound: Problem(.workerNotFound, status: 404)
      case .changedMeanwhile: Problem(.changedMeanwhile, status: 412)
      case .wrongState(let state):
        Problem(.conflict, status: 409, detail: "The job is \(state.rawValue).")
      case .payloadTooLarge(let limit), .reportTooLarge(let limit):
        Problem(.payloadTooLarge, status: 413, detail: "At most \(limit) bytes are taken.")
      case .corrupt(let what):
        Problem(.internalError, status: 500, detail: "The store is damaged: \(what)")
      }
  }

  /// Whole seconds for `Retry-After`, rounded up so that nobody comes back too early.
  package var retryAfterSeconds: Int? { retryAfter.map(secondsRoundedUp) }

  /// The answer, with its headers.
  package var response: Response {
    var writer = JSONWriter()
    writer.object {
      $0.member("type", "https://fanfare.dev/problems/\(code.rawValue)")
      $0.member("title", code.title)
      $0.member("status", status)
      $0.member("detail", detail)
      $0.member("code", code.rawValue)
      if !faults.isEmpty {
        $0.array("errors") { list in
          for fault in faults {
            list.object {
              $0.member("pointer", fault.pointer)
              $0.member("detail", fault.detail)
            }
          }
        }
      }
      $0.member("retry_after", retryAfterSeconds)
    }
    var response = Response(
      status, headers: [("content-type", "application/problem+json")], body: .bytes(writer.bytes))
    if let seconds = retryAfterSeconds { response.headers.append(("retry-after", "\(seconds)")) }
    if status == 401 {
      response.headers.append(
        (
          "www-authenticate",
          code == .invalidToken ? "Bearer error=\"invalid_token\"" : "Bearer"
        ))
    }
    return response
  }
}

/// Whole seconds, rounded up, at least 1: the unit of `Retry-After` (RFC 9110 §10.2.3).
package func secondsRoundedUp(_ duration: Duration) -> Int {
  max(1, Int((duration.milliseconds + 999) / 1000))
}

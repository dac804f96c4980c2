import Jobs

/// A command's failure, as its reply tells it (spec §10): 0–399 are the protocol's codes, 400–1999
/// are Fanfare's own and equal the HTTP status where there is one.
package struct ReplyError: Error, Hashable, Sendable {
  package var code: Int
  package var message: String
  /// Whether an SDK may try the same again by itself.
  package var isTemporary = false

  package static let `internal` = ReplyError(
    code: 100, message: "internal server error", isTemporary: true)
  package static let unauthorized = ReplyError(code: 101, message: "unauthorized")
  package static let unknownChannel = ReplyError(code: 102, message: "unknown channel")
  package static let permissionDenied = ReplyError(code: 103, message: "permission denied")
  package static let methodNotFound = ReplyError(code: 104, message: "method not found")
  package static let alreadySubscribed = ReplyError(code: 105, message: "already subscribed")
  package static let limitExceeded = ReplyError(code: 106, message: "limit exceeded")
  package static let badRequest = ReplyError(code: 107, message: "bad request")
  package static let notAvailable = ReplyError(code: 108, message: "not available")
  package static let tokenExpired = ReplyError(code: 109, message: "token expired")
  package static let expired = ReplyError(code: 110, message: "expired")
  package static let unrecoverablePosition = ReplyError(
    code: 112, message: "unrecoverable position")

  /// 111, with the wait in the text: SDKs hand on nothing else of an error.
  package static func tooManyRequests(retryAfter seconds: Int) -> ReplyError {
    ReplyError(code: 111, message: "too many requests, retry after \(seconds) s", isTemporary: true)
  }

  package init(code: Int, message: String, isTemporary: Bool = false) {
    self.code = code
    self.message = message
    self.isTemporary = isTemporary
  }

  /// A problem as HTTP would answer it, in a reply.
  package init(_ problem: Problem) {
    let faults = problem.faults.map { "\($0.pointer): \($0.detail)" }
    let text = ([problem.detail ?? problem.code.title] + faults).joined(separator: "; ")
    self.init(
      code: problem.status, message: text, isTemporary: problem.status == 503)
  }
}

/// Why a job did not complete.
package struct JobFailure: Hashable, Sendable, Error {
  /// A word for programs: `exit_status`, `timeout`, `lost`, `bad_input`, `cancelled`.
  package var code: String
  /// A sentence for people, at most 4 KiB; longer ones are cut by the broker.
  package var message: String

  package init(code: String, message: String) {
    self.code = code
    self.message = message
  }
}

/// The failures that brokers give themselves.
extension JobFailure {
  static func cancelled(_ reason: String?) -> JobFailure {
    JobFailure(code: "cancelled", message: reason ?? "The job was cancelled.")
  }

  static let lost = JobFailure(
    code: "lost", message: "Workers that ran the job were lost too often.")
  static let notStartedInTime = JobFailure(
    code: "not_started_in_time", message: "It had not begun by the time it had to.")
  static let totalTimeout = JobFailure(
    code: "total_timeout", message: "It had not ended by the time it had to.")
}

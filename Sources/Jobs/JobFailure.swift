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

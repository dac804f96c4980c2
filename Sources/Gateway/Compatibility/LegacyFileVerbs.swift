import EventLoop
import Jobs

/// Takes in the files of a form, or the one file that the body is, as uploads of the caller.
struct ReceiveFiles: LegacyVerb {
  /// The session whose files they are; drawn where the form names none.
  struct Answer: Sendable {
    var files: [(field: String, upload: Upload)] = []
    var fields: [String: String] = [:]
  }

  func carryOut(for call: LegacyCall) async throws -> Answer {
    try await FormReceiver.receive(call)
  }
}

/// A file that a job made; without a name the first.
struct SendArtifact: LegacyVerb {
  var job: JobID

  init(of job: JobID) { self.job = job }

  func carryOut(for call: LegacyCall) async throws -> Response {
    try await call.engine.artifacts.first(of: job, to: call.request, as: call.identity)
  }
}

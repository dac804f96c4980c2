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
  var name: ArtifactName?

  init(_ name: ArtifactName? = nil, of job: JobID) {
    self.job = job
    self.name = name
  }

  func carryOut(for call: LegacyCall) async throws -> Response {
    try await call.engine.artifacts.file(name, of: job, to: call.request, as: call.identity)
  }
}

extension LegacyMount {
  /// What says where a job's files are, with the system's own addresses in place of ours: those ask for a token, which
  /// its callers need not have, and a proxy may know these only.
  func showingFiles(of job: JobID, at path: String, in text: String) -> String {
    text.replacing("/v1/artifacts/\(job)/", with: "\(address(path))/")
  }
}

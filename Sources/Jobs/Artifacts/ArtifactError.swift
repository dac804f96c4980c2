/// What the store refuses, and why.
package enum ArtifactError: Error, Hashable, Sendable {
  /// The text is no ``ArtifactName``.
  case unsafeName(String)
  /// More bytes than the caller allowed.
  case tooLarge(limit: Int)
  /// The disk is full.
  case noSpace
  /// A later attempt of the job has published already.
  case staleAttempt
  /// What should be published is not a plain file.
  case notAFile(String)
  /// The upload has ended, by ``UploadWriter/finish()`` or ``UploadWriter/abort()``.
  case ended
  /// The store of objects did not do what was asked of it.
  case objects(ObjectFault)
  /// The operating system refused: what was attempted, and its reason.
  case failed(String)
}

extension ArtifactError {
  /// How a job fails that cannot leave what it made, or find what it is to read.
  package var failure: JobFailure {
    let message =
      switch self {
      case .unsafeName(let name): "\"\(name)\" is no name of a file."
      case .tooLarge(let limit): "The file has more than \(limit) bytes."
      case .noSpace: "The store of files is full."
      case .staleAttempt: "A later attempt of the job has left its files already."
      case .notAFile(let name): "\(name) is no plain file."
      case .ended: "The upload has ended."
      case .objects(let fault): "The file could not be stored: \(fault)."
      case .failed(let reason): "The store of files failed: \(reason)."
      }
    return JobFailure(code: "store_failed", message: message)
  }
}

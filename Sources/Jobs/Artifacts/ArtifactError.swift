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
  /// The operating system refused: what was attempted, and its reason.
  case failed(String)
}

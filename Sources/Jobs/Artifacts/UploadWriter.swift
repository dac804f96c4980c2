import Foundation

/// An upload on its way in, written piece by piece on Swift's pool, never on the loop.
///
/// It is nobody's input before ``finish()``. A writer that is let go without an end leaves an
/// unfinished folder, which ``ArtifactStore/sweepUploads(olderThan:)`` removes.
package actor UploadWriter {
  package nonisolated let id: UploadID

  private let folder: String
  private let owner: String
  private let name: ArtifactName
  private let contentType: String
  private let limit: Int
  private var descriptor: Int32?
  private var size = 0

  init(
    id: UploadID, folder: String, owner: String, name: ArtifactName, contentType: String,
    limit: Int, descriptor: Int32
  ) {
    self.id = id
    self.folder = folder
    self.owner = owner
    self.name = name
    self.contentType = contentType
    self.limit = limit
    self.descriptor = descriptor
  }

  /// Appends bytes; what is written stays in order even if the calls overlap.
  ///
  /// Throws `tooLarge` over the limit, `noSpace`, `failed`; the upload is then gone already.
  package func write(_ bytes: [UInt8]) throws(ArtifactError) {
    guard let descriptor else { throw .ended }
    do throws(ArtifactError) {
      guard size + bytes.count <= limit else { throw .tooLarge(limit: limit) }
      try FileOperations.write(bytes, to: descriptor)
      size += bytes.count
    } catch {
      abort()
      throw error
    }
  }

  /// Makes the upload whole and safe on disk: from now on it may be looked up. `contentHash` stands for
  /// its bytes (``Upload/contentHash``).
  package func finish(contentHash: String? = nil) throws(ArtifactError) -> Upload {
    guard let descriptor else { throw .ended }
    self.descriptor = nil
    let upload = Upload(
      id: id, owner: owner, name: name, contentType: contentType, size: size, createdAt: .now,
      contentHash: contentHash)
    do throws(ArtifactError) {
      try FileOperations.syncAndClose(descriptor)
      try FileOperations.move("\(folder)/data.partial", to: "\(folder)/data")
      // The last to appear: an upload without it is not whole.
      try FileOperations.replace("\(folder)/meta.json", with: upload.metadata.bytes)
      return upload
    } catch {
      removeFolder()
      throw error
    }
  }

  /// Takes back all that was written. Harmless when the upload has ended.
  package func abort() {
    guard let descriptor else { return }
    self.descriptor = nil
    close(descriptor)
    removeFolder()
  }

  private func removeFolder() {
    // A folder that cannot be removed now is removed by the next sweep.
    try? FileOperations.remove(folder)
  }

  isolated deinit {
    if let descriptor { close(descriptor) }
  }
}

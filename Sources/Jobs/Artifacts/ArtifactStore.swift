import Foundation
import Web

/// What jobs read and what they make, as files below one folder; with a shelf, what they make as objects of a bucket.
///
///     uploads/<upload>/{data, meta.json}       brought by a user, the input of jobs
///     artifacts/<job>/<token>/<name>           made by the run that held this lease
///     work/                                    private folders of running jobs, on the same disk
///
/// Folders have mode 0700, files 0600. A file appears under its name when it is whole. Nothing here
/// runs on the event loop: every call hops to Swift's pool, and may be made from anywhere.
///
/// A run publishes below its own lease token and readers see the greatest token only: a run that
/// lost its lease cannot replace what a later one made. What was published into the folder is found there also when
/// the store has a shelf.
package struct ArtifactStore: Sendable {
  /// Absolute.
  package let root: String
  /// Where artifacts go; nil: into the folder.
  package let shelf: ArtifactShelf?

  /// A store below `root`, which need not exist: folders are made when they are needed.
  package init(root: String, shelf: ArtifactShelf? = nil) {
    self.shelf = shelf
    self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
  }

  /// Where running jobs have their private folders: on the artifacts' disk, so that publishing is a
  /// rename.
  package var workFolder: String { "\(root)/work" }

  private func folder(of upload: UploadID) -> String { "\(root)/uploads/\(upload)" }
  private func folder(of job: JobID) -> String { "\(root)/artifacts/\(job)" }
  private func folder(of job: JobID, token: UInt64) -> String {
    let digits = String(token)
    // Padded, so that names sort as numbers do.
    return "\(folder(of: job))/\(String(repeating: "0", count: 20 - digits.count))\(digits)"
  }

  // MARK: Folders of running jobs

  /// An empty folder for one run, for our eyes only.
  @concurrent
  package func makeWorkFolder(job: JobID, token: UInt64) async throws(ArtifactError) -> String {
    let path = "\(workFolder)/\(job).\(token)"
    try FileOperations.remove(path)
    try FileOperations.makeFolder(path)
    return path
  }

  /// Removes a run's folder with all it holds.
  @concurrent
  package func removeWorkFolder(_ path: String) async throws(ArtifactError) {
    precondition(path.hasPrefix("\(workFolder)/"), "a folder that is no run's would be removed")
    try FileOperations.remove(path)
  }

  /// Removes folders that killed workers left: those in which nothing has changed for `age`, and whose job does not
  /// run; answers how many.
  package func sweepWork(
    olderThan age: Duration, now: Timestamp = .now, unless isRunning: (JobID) async throws -> Bool
  ) async throws -> Int {
    var count = 0
    for name in try await quietWork(for: age, now: now) {
      if let job = JobID(name.prefix { $0 != "." }), try await isRunning(job) { continue }
      try await removeWorkFolder("\(workFolder)/\(name)")
      count += 1
    }
    return count
  }

  @concurrent
  private func quietWork(for age: Duration, now: Timestamp) async throws(ArtifactError) -> [String] {
    try FileOperations.names(in: workFolder).filter { name in
      let folder = "\(workFolder)/\(name)"
      guard let time = FileOperations.modification(of: folder), now - time >= age else { return false }
      // The time of a folder stands still while a file in it grows.
      let inside = FileManager.default.enumerator(atPath: folder)
      while let path = inside?.nextObject() as? String {
        if let time = FileOperations.modification(of: "\(folder)/\(path)"), now - time < age { return false }
      }
      return true
    }
  }

  // MARK: Uploads

  /// Begins an upload of at most `limit` bytes.
  ///
  /// Throws `unsafeName` unless `name` is an ``ArtifactName``.
  @concurrent
  package func beginUpload(
    owner: String, name: String, contentType: String?, limit: Int
  ) async throws(ArtifactError) -> UploadWriter {
    guard let safeName = ArtifactName(name) else { throw .unsafeName(name) }
    let id = UploadID()
    let folder = folder(of: id)
    try FileOperations.makeFolder(folder)
    let descriptor = try FileOperations.create("\(folder)/data.partial")
    return UploadWriter(
      id: id, folder: folder, owner: owner, name: safeName,
      contentType: contentType ?? safeName.contentType, limit: limit, descriptor: descriptor)
  }

  /// A whole upload and where its bytes are; nil if there is none, or it is another user's: who may
  /// not have it does not learn that it exists.
  @concurrent
  package func upload(
    _ id: UploadID, of owner: String
  ) async throws(ArtifactError) -> (upload: Upload, path: String)? {
    guard let upload = try metadata(in: folder(of: id)), upload.id == id, upload.owner == owner,
      FileOperations.plainFile("\(folder(of: id))/data") != nil
    else { return nil }
    return (upload, "\(folder(of: id))/data")
  }

  /// Removes an upload of this owner; whether there was one.
  @concurrent
  package func removeUpload(_ id: UploadID, of owner: String) async throws(ArtifactError) -> Bool {
    guard let upload = try metadata(in: folder(of: id)), upload.owner == owner else { return false }
    try FileOperations.remove(folder(of: id))
    return true
  }

  /// Removes uploads, whole or not, that have not changed for `age`; answers how many.
  @concurrent
  package func sweepUploads(
    olderThan age: Duration, now: Timestamp = .now
  ) async throws(ArtifactError) -> Int {
    var count = 0
    for name in try FileOperations.names(in: "\(root)/uploads") {
      let folder = "\(root)/uploads/\(name)"
      // The data's own time: that of the folder stands still while a long upload is written.
      let times = ["", "/data", "/data.partial"].compactMap {
        FileOperations.modification(of: folder + $0)
      }
      guard let latest = times.max(), now - latest >= age else { continue }
      try FileOperations.remove(folder)
      count += 1
    }
    return count
  }

  private func metadata(in folder: String) throws(ArtifactError) -> Upload? {
    guard let bytes = try FileOperations.read("\(folder)/meta.json") else { return nil }
    do {
      guard let upload = Upload(metadata: try JSONDocument(bytes: bytes).root) else {
        throw ArtifactError.failed("\(folder)/meta.json lacks a member")
      }
      return upload
    } catch let error as ArtifactError {
      throw error
    } catch {
      throw .failed("\(folder)/meta.json is not JSON: \(error)")
    }
  }

  // MARK: Artifacts

  /// Makes `file` an artifact of the job, in place of an earlier one of that name. The file is moved.
  ///
  /// `token` is the lease's. Throws `staleAttempt` if a run with a greater one has published;
  /// what runs with smaller ones left is removed. Throws `notAFile` for links and folders. Where `isHeld` says that
  /// the lease is over before the file is there, it does not appear. A run publishes one file after the other.
  @concurrent
  package func publish(
    _ file: String, as name: ArtifactName, job: JobID, kind: JobKind, token: UInt64, owner: String,
    isHeld: @escaping @Sendable () -> Bool = { true }
  ) async throws(ArtifactError) -> Artifact {
    guard let shelf else { return try publishHere(file, as: name, job: job, token: token, owner: owner) }
    guard let source = ReadableFile(file) else { throw .notAFile(name.description) }
    let artifact: Artifact?
    do throws(ObjectFault) {
      artifact = try await shelf.publish(
        source, as: name, job: job, kind: kind, token: token, owner: owner, isHeld: isHeld)
    } catch {
      throw .objects(error)
    }
    guard let artifact else { throw .staleAttempt }
    try FileOperations.remove(file)
    // Readers look into the folder first: an earlier attempt may have left its files there.
    try FileOperations.remove(folder(of: job))
    return artifact
  }

  private func publishHere(
    _ file: String, as name: ArtifactName, job: JobID, token: UInt64, owner: String
  ) throws(ArtifactError) -> Artifact {
    guard FileOperations.plainFile(file) != nil else { throw .notAFile(name.description) }
    let folder = folder(of: job, token: token)
    let others = try FileOperations.names(in: self.folder(of: job))
    let own = String(folder.suffix(20))
    if others.contains(where: { $0 > own }) { throw .staleAttempt }
    try FileOperations.makeFolder(folder)
    if FileOperations.plainFile("\(folder)/.owner") == nil {
      try FileOperations.replace("\(folder)/.owner", with: Array(owner.utf8))
    }
    let target = "\(folder)/\(name)"
    if rename(file, target) != 0 {
      guard errno == EXDEV else { throw FileOperations.fault("an artifact cannot be moved") }
      let partial = "\(folder)/.\(UInt32.random(in: 0 ... .max)).partial"
      try FileOperations.copy(file, to: partial)
      try FileOperations.move(partial, to: target)
      try FileOperations.remove(file)
    }
    guard chmod(target, 0o600) == 0 else {
      throw FileOperations.fault("an artifact cannot be closed")
    }
    for other in others where other < own {
      try FileOperations.remove("\(self.folder(of: job))/\(other)")
    }
    guard let artifact = artifact(name, in: folder, owner: owner) else { throw .staleAttempt }
    return artifact
  }

  /// One artifact of a job; nil where there is none.
  @concurrent
  package func artifact(
    of job: JobID, name: ArtifactName
  ) async throws(ArtifactError) -> Artifact? {
    if let (folder, owner) = try latest(of: job) { return artifact(name, in: folder, owner: owner) }
    return try await objects(of: job).first { $0.name == name }
  }

  /// All artifacts of a job, by name.
  @concurrent
  package func artifacts(of job: JobID) async throws(ArtifactError) -> [Artifact] {
    guard let (folder, owner) = try latest(of: job) else { return try await objects(of: job) }
    return try FileOperations.names(in: folder).sorted().compactMap { name in
      ArtifactName(name).flatMap { artifact($0, in: folder, owner: owner) }
    }
  }

  private func objects(of job: JobID) async throws(ArtifactError) -> [Artifact] {
    guard let shelf else { return [] }
    do throws(ObjectFault) { return try await shelf.artifacts(of: job) } catch { throw .objects(error) }
  }

  /// The bytes of an artifact that is no file here, `length` of them from `offset`, as they come; nil where it is
  /// gone, or another has its place.
  package func pieces(
    of artifact: Artifact, offset: Int, length: Int
  ) async throws(ArtifactError) -> (any PieceSource)? {
    guard let shelf, case .object(let key, let tag) = artifact.place else { return nil }
    do throws(ObjectFault) {
      return try await shelf.open(key: key, tag: tag, offset: offset, length: length)
    } catch {
      throw .objects(error)
    }
  }

  @concurrent
  private func removeFiles(of job: JobID) async throws(ArtifactError) { try FileOperations.remove(folder(of: job)) }

  /// Removes all that a job made. Harmless where there is nothing.
  @concurrent
  package func removeArtifacts(of job: JobID) async throws(ArtifactError) {
    try FileOperations.remove(folder(of: job))
    do throws(ObjectFault) { try await shelf?.removeArtifacts(of: job) } catch { throw .objects(error) }
  }

  /// Removes the artifacts of jobs whose record the broker no longer has, among those last written
  /// `age` ago or earlier; answers how many jobs' were removed.
  package func sweepArtifacts(
    olderThan age: Duration, now: Timestamp = .now,
    unless isKept: (JobID) async throws -> Bool
  ) async throws -> Int {
    var count = 0
    for job in try await jobsWithArtifacts(olderThan: age, now: now) {
      if try await isKept(job) { continue }
      try await removeFiles(of: job)
      count += 1
    }
    return count
  }

  /// The same of artifacts in the bucket.
  package func sweepObjects(
    olderThan age: Duration, now: Timestamp = .now, unless isKept: (JobID) async throws -> Bool
  ) async throws -> Int {
    try await shelf?.sweepArtifacts(olderThan: age, now: now, unless: isKept) ?? 0
  }

  /// Takes back what killed workers left of their uploads to the bucket, begun `age` ago or earlier by jobs that do not
  /// run; answers how many.
  package func sweepUnfinished(
    olderThan age: Duration, now: Timestamp = .now, unless isRunning: (JobID) async throws -> Bool
  ) async throws -> Int {
    try await shelf?.sweepUnfinished(olderThan: age, now: now, unless: isRunning) ?? 0
  }

  @concurrent
  private func jobsWithArtifacts(
    olderThan age: Duration, now: Timestamp
  ) async throws(ArtifactError) -> [JobID] {
    try FileOperations.names(in: "\(root)/artifacts").compactMap { name in
      guard let job = JobID(name),
        let time = FileOperations.modification(of: "\(root)/artifacts/\(name)"), now - time >= age
      else { return nil }
      return job
    }
  }

  private func latest(of job: JobID) throws(ArtifactError) -> (folder: String, owner: String)? {
    guard let token = try FileOperations.names(in: folder(of: job)).max() else { return nil }
    let folder = "\(folder(of: job))/\(token)"
    guard let owner = try FileOperations.read("\(folder)/.owner") else { return nil }
    return (folder, String(decoding: owner, as: UTF8.self))
  }

  private func artifact(_ name: ArtifactName, in folder: String, owner: String) -> Artifact? {
    let path = "\(folder)/\(name)"
    guard let (size, modifiedAt) = FileOperations.plainFile(path) else { return nil }
    return Artifact(
      name: name, place: .file(path), size: size, contentType: name.contentType, owner: owner,
      modifiedAt: modifiedAt)
  }
}

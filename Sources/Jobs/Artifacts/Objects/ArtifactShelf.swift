import Foundation
import Web

/// The artifacts of jobs as objects of a bucket:
///
///     <prefix><kind>-outputs/<job>/<name>     the files
///     <prefix>manifests/<job>.json            which of them there are (``ArtifactManifest``)
///
/// Only the run that holds the lease publishes, one file after the other; an older run is refused by the manifest's
/// token before it puts anything. One that overtakes that look may put another object in place of one that the
/// manifest names; it has another tag then, and is given to nobody.
package struct ArtifactShelf: Sendable {
  let bucket: ObjectBucket

  package init(_ bucket: ObjectBucket) { self.bucket = bucket }

  private var prefix: String { bucket.settings.prefix }
  private var manifests: String { "\(prefix)manifests/" }
  private func manifestKey(of job: JobID) -> String { "\(manifests)\(job).json" }
  private func folder(of job: JobID, _ kind: JobKind) -> String { "\(prefix)\(kind)-outputs/\(job)/" }

  // MARK: In

  /// Puts a file there; it stays here. Nil where a later run has published; throws `cancelled` where `isHeld` says that
  /// this one may write no more.
  func publish(
    _ file: ReadableFile, as name: ArtifactName, job: JobID, kind: JobKind, token: UInt64, owner: String,
    isHeld: @escaping @Sendable () -> Bool
  ) async throws(ObjectFault) -> Artifact? {
    guard var manifest = try await begin(job: job, kind: kind, token: token, owner: owner) else { return nil }
    let tag = try await bucket.put(
      file, as: folder(of: job, kind) + name.description, contentType: name.contentType, mayAppear: isHeld)
    let entry = ArtifactManifest.Entry(name: name, size: file.size, tag: tag, modifiedAt: .now)
    manifest.add(entry)
    guard isHeld() else { throw .cancelled }
    try await write(manifest)
    return artifact(entry, of: manifest)
  }

  /// The manifest of this run, written before any object of it is. What earlier runs left is removed: nil where a later
  /// one has published.
  private func begin(
    job: JobID, kind: JobKind, token: UInt64, owner: String
  ) async throws(ObjectFault) -> ArtifactManifest? {
    let earlier = try await manifest(of: job)
    if let earlier {
      if earlier.token == token { return earlier }
      if earlier.token > token { return nil }
    }
    let manifest = ArtifactManifest(job: job, kind: kind, owner: owner, token: token)
    try await write(manifest)
    for entry in earlier?.entries ?? [] {
      try await bucket.remove(folder(of: job, kind) + entry.name.description)
    }
    return manifest
  }

  private func write(_ manifest: ArtifactManifest) async throws(ObjectFault) {
    try await bucket.put(
      manifest.text.bytes, as: manifestKey(of: manifest.job), contentType: "application/json")
  }

  // MARK: Out

  private func manifest(of job: JobID) async throws(ObjectFault) -> ArtifactManifest? {
    guard let bytes = try await bucket.small(manifestKey(of: job)) else { return nil }
    guard let document = try? JSONDocument(bytes: bytes), let manifest = ArtifactManifest(document.root) else {
      throw .unreadable("give a manifest")
    }
    return manifest
  }

  private func artifact(_ entry: ArtifactManifest.Entry, of manifest: ArtifactManifest) -> Artifact {
    let key = folder(of: manifest.job, manifest.kind) + entry.name.description
    return Artifact(
      name: entry.name, place: .object(key: key, tag: entry.tag), location: bucket.location(of: key),
      size: entry.size, contentType: entry.name.contentType, owner: manifest.owner, modifiedAt: entry.modifiedAt)
  }

  /// All artifacts of a job, by name.
  func artifacts(of job: JobID) async throws(ObjectFault) -> [Artifact] {
    guard let manifest = try await manifest(of: job) else { return [] }
    return manifest.entries.map { artifact($0, of: manifest) }
      .sorted { $0.name.description < $1.name.description }
  }

  /// Part of an artifact as it comes; nil where it is not what it was.
  func open(key: String, tag: String, offset: Int, length: Int) async throws(ObjectFault) -> (any PieceSource)? {
    try await bucket.open(key, tag: tag, offset: offset, length: length).map(ObjectPieces.init)
  }

  // MARK: Away

  /// Removes all that a job made, named or not. Harmless where there is nothing.
  func removeArtifacts(of job: JobID) async throws(ObjectFault) {
    guard let manifest = try await manifest(of: job) else { return }
    var page = try await bucket.list(folder(of: job, manifest.kind))
    while true {
      for entry in page.entries { try await bucket.remove(entry.key) }
      guard let next = page.next else { break }
      page = try await bucket.list(folder(of: job, manifest.kind), after: next)
    }
    // Last: without it nobody would find the rest.
    try await bucket.remove(manifestKey(of: job))
  }

  /// Removes what jobs made that `isKept` does not know, among those that wrote last `age` ago or earlier; answers how
  /// many jobs' were removed.
  func sweepArtifacts(
    olderThan age: Duration, now: Timestamp, unless isKept: (JobID) async throws -> Bool
  ) async throws -> Int {
    var count = 0
    var next: String?
    repeat {
      let page = try await bucket.list(manifests, after: next)
      for entry in page.entries where now - entry.modifiedAt >= age {
        let name = entry.key.dropFirst(manifests.count)
        guard name.hasSuffix(".json"), let job = JobID(name.dropLast(5)) else { continue }
        if try await isKept(job) { continue }
        try await removeArtifacts(of: job)
        count += 1
      }
      next = page.next
    } while next != nil
    return count
  }

  /// Takes back uploads that killed workers left unfinished, begun `age` ago or earlier by jobs that do not run; answers
  /// how many.
  func sweepUnfinished(
    olderThan age: Duration, now: Timestamp, unless isRunning: (JobID) async throws -> Bool
  ) async throws -> Int {
    var count = 0
    var next: ObjectBucket.Unfinished?
    repeat {
      let page = try await bucket.listUnfinished(prefix, after: next)
      for upload in page.entries where now - upload.begunAt >= age {
        // Ours are those of <prefix><kind>-outputs/<job>/<name> alone.
        guard upload.key.hasPrefix(prefix) else { continue }
        let parts = upload.key.dropFirst(prefix.count).split(separator: "/", maxSplits: 2)
        guard parts.count == 3, parts[0].hasSuffix("-outputs"), let job = JobID(parts[1]) else { continue }
        if try await isRunning(job) { continue }
        try await bucket.abort(upload.key, upload.upload)
        count += 1
      }
      next = page.next
    } while next != nil
    return count
  }
}

/// An object's bytes on their way here.
private final class ObjectPieces: PieceSource {
  private let download: HTTPDownload

  init(_ download: HTTPDownload) { self.download = download }

  func next() async throws -> [UInt8]? { try await download.next() }
  func close() { download.cancel() }
}

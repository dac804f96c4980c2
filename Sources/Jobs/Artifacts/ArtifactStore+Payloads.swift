import Foundation

/// Payloads that are too large for a broker's record:
///
///     payloads/<xx>/<job>             what was submitted with the job
///     payloads/<xx>/<job>.<group>     the same of a group's callback
///
/// `xx` are the last two digits of the job's id, so that no folder grows large and a sweep looks at one
/// after the other.
extension ArtifactStore {
  private var payloadFolder: String { "\(root)/payloads" }

  /// Where a payload lies, below ``root``.
  private func place(of name: some StringProtocol, job: JobID) -> String {
    "payloads/\(job.description.suffix(2))/\(name)"
  }

  /// Keeps the payload of a job; on return it is safe on disk. What the job had before is replaced.
  @concurrent
  package func keep(
    _ text: JSONText, of job: JobID, group: GroupID? = nil
  ) async throws(ArtifactError) -> StoredPayload {
    let payload = StoredPayload(
      job: job, group: group, size: text.bytes.count,
      digest: RunningDigest.hexadecimal(of: text.bytes))
    let path = "\(root)/\(place(of: payload.name, job: job))"
    let folder = String(path.dropLast(payload.name.utf8.count + 1))
    try FileOperations.makeLastingFolder(folder)
    try FileOperations.replace(path, with: text.bytes)
    // A file is kept only once its folder has its name.
    try FileOperations.syncFolder(folder)
    return payload
  }

  /// The text of a payload, whole and unchanged.
  @concurrent
  package func text(of payload: StoredPayload) async throws(StoredPayloadFault) -> JSONText {
    let place = place(of: payload.name, job: payload.job)
    let bytes: [UInt8]?
    do throws(ArtifactError) {
      // One byte more, to see that it ends.
      bytes = try FileOperations.read("\(root)/\(place)", limit: payload.size + 1)
    } catch {
      if case .failed(let reason) = error { throw .unreadable(place, reason: reason) }
      throw .unreadable(place, reason: "\(error)")
    }
    guard let bytes else {
      throw .missing(place, inEmptyStore: FileOperations.modification(of: payloadFolder) == nil)
    }
    guard bytes.count == payload.size, RunningDigest.hexadecimal(of: bytes) == payload.digest else {
      throw .damaged(place)
    }
    return JSONText(unchecked: bytes)
  }

  /// Removes a payload. Harmless where there is none.
  @concurrent
  package func remove(_ payload: StoredPayload) async throws(ArtifactError) {
    try FileOperations.remove("\(root)/\(place(of: payload.name, job: payload.job))")
  }

  /// Removes payloads that nobody vouched for since `age`; answers how many.
  ///
  /// A payload is vouched for when it is written, and by every sweep that `isKept` answers with true: its job
  /// is on record, or its group. Each is asked about once in half of `age` or so. What one sweep does not know
  /// another may, whose broker is another or holds jobs that were not handed over yet: so a payload goes only
  /// when all of them were silent for the whole of `age`, and one whose `enqueue` is under way is left alone.
  /// With `removes` false the sweep only vouches. What `isKept` throws for is left as it is, and thrown at the end.
  package func sweepPayloads(
    olderThan age: Duration, now: Timestamp = .now, removes: Bool = true,
    unless isKept: (_ job: JobID, _ group: GroupID?) async throws -> Bool
  ) async throws -> Int {
    var count = 0
    var fault: (any Error)?
    for folder in try await payloadFolders() {
      for name in try await payloads(in: folder, unchangedSince: now + age / -2) {
        do {
          if let owner = StoredPayload.owner(named: name), try await isKept(owner.job, owner.group) {
            try await vouch(for: name, in: folder, at: now)
          } else if removes, try await remove(name, in: folder, unchangedSince: now + age * -1) {
            count += 1
          }
        } catch {
          fault = error
        }
      }
    }
    if let fault { throw fault }
    return count
  }

  @concurrent
  private func payloadFolders() async throws(ArtifactError) -> [String] {
    try FileOperations.names(in: payloadFolder).map { "\(payloadFolder)/\($0)" }
  }

  @concurrent
  private func payloads(
    in folder: String, unchangedSince time: Timestamp
  ) async throws(ArtifactError) -> [String] {
    try FileOperations.names(in: folder).filter {
      FileOperations.modification(of: "\(folder)/\($0)").map { $0 <= time } ?? false
    }
  }

  @concurrent
  private func vouch(
    for name: String, in folder: String, at now: Timestamp
  ) async throws(ArtifactError) {
    try FileOperations.touch("\(folder)/\(name)", at: now)
  }

  /// Looks at the time once more: another may have vouched for it meanwhile.
  @concurrent
  private func remove(
    _ name: String, in folder: String, unchangedSince time: Timestamp
  ) async throws(ArtifactError) -> Bool {
    let path = "\(folder)/\(name)"
    guard let changedAt = FileOperations.modification(of: path), changedAt <= time else { return false }
    try FileOperations.remove(path)
    return true
  }
}

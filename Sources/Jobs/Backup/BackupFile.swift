import Foundation

/// A backup: lines of JSON, compressed by gzip. The first says what it is, the last how many entries stand
/// between and the SHA-256 of all that comes before it, so that half a file, or a changed one, is not taken
/// for a whole. What lies between is an archive (``BrokerArchive``), in the form of ``ArchiveEntry/json``.
package enum BackupFile {
  /// The form of the lines; a file of a later form is refused. The second has ledgers, the order that jobs asked
  /// for, and which of them were to be forgotten; the first is read as one that has none of these.
  static let version = 2

  /// What a backup says of itself.
  package struct Summary: Hashable, Sendable {
    package var path: String
    package var createdAt: Timestamp
    package var entries: Int
    package var jobs: Int
    /// How many payloads it has the reference of only: their text could not be read when it was written.
    package var missingPayloads: Int
    /// Of the compressed file.
    package var bytes: Int
    /// The SHA-256 of what it holds, uncompressed, as its last line has it; hexadecimal.
    package var digest: String

    package init(
      path: String, createdAt: Timestamp, entries: Int, jobs: Int, missingPayloads: Int = 0, bytes: Int,
      digest: String
    ) {
      self.path = path
      self.createdAt = createdAt
      self.entries = entries
      self.jobs = jobs
      self.missingPayloads = missingPayloads
      self.bytes = bytes
      self.digest = digest
    }
  }

  /// Writes everything a broker holds to `path`, while the broker works: into a file beside it, synced and
  /// renamed when whole, so that no name ever stands for half a backup. Readable by its owner only. Payloads that
  /// lie in the store are written with their text, so that it can be restored where the store is another.
  @discardableResult
  @concurrent package static func write(
    _ broker: any BrokerArchive, _ payloads: PayloadStore, to path: String, at now: Timestamp = .now
  ) async throws -> Summary {
    let writer = try BackupWriter(to: path, at: now)
    do {
      var cursor: String?
      repeat {
        let page = try await broker.archive(after: cursor, limit: 500)
        for entry in page.entries { try writer.append(await payloads.inlined(entry)) }
        cursor = page.next
      } while cursor != nil
      return try writer.finish()
    } catch {
      writer.abandon()
      throw error
    }
  }

  /// Reads a whole backup without taking anything in; throws a ``BackupError`` that names the fault and the
  /// line.
  @concurrent package static func verify(_ path: String) async throws -> Summary {
    try BackupReader(path).readAll { _ in }
  }

  /// Verifies a backup, takes it in, and sets the file aside as `<path>.restored` once the broker has as many
  /// entries as it holds. Payloads over the limit of `payloads` are moved to its store first.
  ///
  /// Jobs and groups come back in another epoch: what happened to them after the backup did not happen in the life that
  /// they have now, and who watched it is told so.
  @concurrent package static func restore(
    _ path: String, into broker: any BrokerArchive, _ payloads: PayloadStore
  ) async throws -> (Summary, RestoreReport) {
    let summary = try await verify(path)
    let reader = try BackupReader(path)
    var report = RestoreReport()
    var batch: [ArchiveEntry] = []
    while let entry = try reader.next() {
      batch.append(try await payloads.moved(entry).inAnotherEpoch)
      if batch.count == 200 {
        report.add(try await broker.restore(batch))
        batch = []
      }
    }
    report.add(try await broker.restore(batch))
    guard report.restored + report.known == summary.entries else {
      throw BackupError(
        path: path,
        "holds \(summary.entries) entries, and the broker took in \(report.restored) and knew \(report.known)")
    }
    guard rename(path, path + ".restored") == 0 else {
      throw BackupError(path: path, "cannot be set aside: \(String(cString: strerror(errno)))")
    }
    return (summary, report)
  }
}

extension ArchiveEntry {
  /// The same in an epoch that nobody has heard of.
  var inAnotherEpoch: ArchiveEntry {
    switch self {
    case .job(var snapshot):
      snapshot.job.position.epoch = StreamPosition.newEpoch()
      return .job(snapshot)
    case .group(var group, let callback):
      group.position.epoch = StreamPosition.newEpoch()
      return .group(group, callback: callback)
    case .queue, .schedule, .ledger, .revocation: return self
    }
  }
}

/// Why a backup cannot be written or read.
package struct BackupError: Error, Hashable, Sendable, CustomStringConvertible {
  package var path: String
  package var reason: String

  init(path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }

  package var description: String { "the backup \(path) \(reason)" }
}

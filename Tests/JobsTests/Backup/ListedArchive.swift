import EventLoop
import Jobs
import Support

/// An archive that is a list: what a backup is written from, and what it is read back into.
@EventLoop
final class ListedArchive: BrokerArchive {
  private(set) var entries: [ArchiveEntry]
  private let pageSize: Int
  /// Thrown by the next page.
  var fault: BrokerError?
  var isWhole = true
  /// Takes entries in and does not say so.
  var isForgetful = false
  /// How often it was archived.
  let archivings = Arrivals<Int>()

  init(_ entries: [ArchiveEntry] = [], pageSize: Int = 3) {
    self.entries = entries
    self.pageSize = pageSize
  }

  func archive(after cursor: String?, limit: Int) async throws(BrokerError) -> ArchivePage {
    if cursor == nil { archivings.append(archivings.values.count + 1) }
    let start = cursor.flatMap { Int($0) } ?? 0
    if start > 0, let fault { throw fault }
    let end = min(start + pageSize, entries.count)
    return ArchivePage(
      entries: Array(entries[start..<end]), next: end < entries.count ? "\(end)" : nil)
  }

  func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport {
    var report = RestoreReport()
    for entry in entries {
      if self.entries.contains(where: { $0.withoutEpoch == entry.withoutEpoch }) {
        report.known += 1
      } else {
        self.entries.append(entry)
        report.restored += 1
      }
    }
    return isForgetful ? RestoreReport() : report
  }

  func discard(_ ids: [JobID]) async throws(BrokerError) {
    entries.removeAll {
      guard case .job(let snapshot) = $0 else { return false }
      return ids.contains(snapshot.job.id)
    }
  }
}

extension ArchiveEntry {
  /// What a backup brings back of it: all but its epoch.
  var withoutEpoch: ArchiveEntry {
    switch self {
    case .job(var snapshot):
      snapshot.job.position.epoch = ""
      return .job(snapshot)
    case .group(var group, let callback):
      group.position.epoch = ""
      return .group(group, callback: callback)
    case .queue, .schedule, .ledger, .revocation: return self
    }
  }

  /// The epoch of a job or a group.
  var epoch: String? {
    switch self {
    case .job(let snapshot): snapshot.job.position.epoch
    case .group(let group, _): group.position.epoch
    case .queue, .schedule, .ledger, .revocation: nil
    }
  }
}

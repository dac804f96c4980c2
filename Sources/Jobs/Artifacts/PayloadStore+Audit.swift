extension PayloadStore {
  /// Reads the payloads in the store that a page of the broker's records refers to, and tells of those that cannot
  /// be had as they were submitted. Nothing can be mended: the job's retries would fail, and a backup may have the
  /// text. `cursor` is ``AuditReport/next`` of the page before.
  package func audit(
    _ broker: any BrokerArchive, after cursor: String?, limit: Int = 200
  ) async throws(BrokerError) -> AuditReport {
    let page = try await broker.archive(after: cursor, limit: limit)
    var report = AuditReport(next: page.next)
    for entry in page.entries {
      guard case .stored(let payload)? = entry.payload else { continue }
      do throws(StoredPayloadFault) { _ = try await files.text(of: payload) } catch {
        report.findings.append(
          AuditFinding(
            kind: .missingPayload, subject: entry.holder, detail: error.finding, isRepaired: false))
      }
    }
    return report
  }
}

extension StoredPayloadFault {
  fileprivate var finding: String {
    switch self {
    case .missing(let name, inEmptyStore: true): "its payload is not in this store, which has none at all: \(name)"
    case .missing(let name, inEmptyStore: false): "its payload is not in this store: \(name)"
    case .damaged(let name): "its payload is not what was submitted: \(name)"
    case .unreadable(let name, let reason): "its payload cannot be read: \(name): \(reason)"
    case .slow(let name): "its payload was not given in time: \(name)"
    }
  }
}

extension ArchiveEntry {
  /// Who the payload belongs to.
  fileprivate var holder: String {
    switch self {
    case .job(let snapshot): snapshot.job.id.description
    case .group(let group, _): group.id.description
    case .queue(let name, _, _): name.description
    case .schedule(let status): status.schedule.name.description
    case .ledger(let ledger): ledger.queue.description
    case .revocation(let revocation): revocation.subject.key
    }
  }
}

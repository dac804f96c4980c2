import EventLoop

extension EmbeddedBroker: BrokerAudit {
  /// Looks at records in the order of acceptance: whether each stands in every order that it should, and
  /// whether the journal has it; with the last piece, whether all counts agree.
  package func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport {
    try requireOpen()
    try await store.kept()
    if let cursor, cursor.hasPrefix(Self.groups) {
      return try await auditGroups(
        after: GroupID(cursor.dropFirst(Self.groups.count)), limit: min(max(limit, 1), 1000),
        repairs: repairs)
    }
    let after = cursor.flatMap { Int64($0) } ?? .min
    let newest = newestSequence
    let records = store.table.records(after: after, limit: min(max(limit, 1), 1000))
    var report = AuditReport(checked: records.count)
    for record in records {
      for place in store.table.misplacements(of: record) {
        report.findings.append(
          AuditFinding(
            kind: .misplacedJob, subject: record.job.id.description,
            detail: "\(record.job.state) and missing from \(place)", isRepaired: repairs))
      }
      if record.job.state == .running, record.deadline == nil {
        report.findings.append(
          AuditFinding(
            kind: .missingLease, subject: record.job.id.description,
            detail: "running, without a deadline", isRepaired: repairs))
        if repairs {
          var record = record
          record.deadline = clock()
          store.changeUnjournaled(record)
        }
      }
    }
    if let last = records.last { report.next = String(last.sequence) }
    if records.isEmpty {
      report.next = Self.groups
      for wrong in store.table.wrongCounts() {
        report.findings.append(Self.finding(wrong, of: wrong.name, isRepaired: repairs))
      }
    }
    if repairs, !report.findings.isEmpty { store.rebuild() }
    // From the piece before to the end of this one: what is left of forgotten jobs lies between.
    let range = (after == .min ? .min : after + 1)...(records.last?.sequence ?? max(newest, after + 1))
    report.findings += try await auditJournal(records, in: range, repairs: repairs)
    return report
  }

  /// What the cursors of pieces of groups begin with; the last group of the piece before follows.
  private static let groups = "group:"

  private static func finding(
    _ wrong: EmbeddedTable.WrongCount, of subject: String, isRepaired: Bool
  ) -> AuditFinding {
    AuditFinding(
      kind: .wrongCount, subject: subject,
      detail: "\(wrong.found) \(wrong.name), wanted \(wrong.wanted)", isRepaired: isRepaired)
  }

  /// Whether groups count what they should, and whether the journal has them; looks at about `limit` jobs.
  private func auditGroups(
    after first: GroupID?, limit: Int, repairs: Bool
  ) async throws(BrokerError) -> AuditReport {
    var report = AuditReport()
    var ids: [GroupID] = []
    let all = store.table.groups.ids(after: first, limit: limit)
    for id in all where report.checked < limit {
      ids.append(id)
      report.checked += 1 + store.table.groups.members(of: id).places.count
      for wrong in store.table.wrongCounts(of: id) {
        report.findings.append(Self.finding(wrong, of: "group \(id)", isRepaired: repairs))
      }
    }
    if repairs, !report.findings.isEmpty { store.rebuild() }
    let isLast = ids.count == all.count && all.count < limit
    if !isLast, let last = ids.last { report.next = "\(Self.groups)\(last)" }
    let last = isLast ? nil : ids.last
    do {
      let kept = try await journal.groups(after: first, through: last)
      // What came or went while the journal was read is not looked at.
      for id in ids where !kept.contains(id.description) && store.table.groups[id] != nil {
        report.findings.append(
          AuditFinding(
            kind: .missingRecord, subject: "group \(id)", detail: "not in the journal",
            isRepaired: false))
      }
      let orphans = kept.filter { text in
        guard let id = GroupID(text) else { return true }
        return store.table.groups[id] == nil && !store.isPending(id)
      }.sorted()
      if repairs, !orphans.isEmpty { try await journal.forget(groups: orphans) }
      report.findings += orphans.map {
        AuditFinding(
          kind: .orphan, subject: "journal row \($0)", detail: "belongs to no group",
          isRepaired: repairs)
      }
    } catch {
      throw .unavailable
    }
    return report
  }

  private func auditJournal(
    _ records: [EmbeddedRecord], in range: ClosedRange<Int64>, repairs: Bool
  ) async throws(BrokerError) -> [AuditFinding] {
    var findings: [AuditFinding] = []
    do {
      let kept = try await journal.numbers(in: range)
      // What came or went while the journal was read is not looked at.
      for record in records
      where !kept.whole.contains(record.sequence) && store.table[record.job.id]?.sequence == record.sequence {
        findings.append(
          AuditFinding(
            kind: .missingRecord, subject: record.job.id.description,
            detail: "not whole in the journal", isRepaired: false))
      }
      let known = Set(records.map(\.sequence))
      var orphans = kept.parts.filter { !known.contains($0) && !store.table.isTaken($0) }.sorted()
      // The order may be what is wrong: nothing is taken away that a record stands for.
      if !orphans.isEmpty {
        let taken = store.table.sequences
        orphans.removeAll { taken.contains($0) }
      }
      if repairs, !orphans.isEmpty { try await journal.forget(orphans) }
      findings += orphans.map {
        AuditFinding(
          kind: .orphan, subject: "journal row \($0)", detail: "belongs to no job",
          isRepaired: repairs)
      }
    } catch {
      throw .unavailable
    }
    return findings
  }
}

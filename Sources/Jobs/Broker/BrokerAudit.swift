package import EventLoop

/// Looks for what cannot be: the invariants of the broker's own store, checked from the outside.
@EventLoop
package protocol BrokerAudit: AnyObject, Sendable {
  /// Checks a piece of the store, at most `limit` records, and mends what it finds if `repairs`.
  ///
  /// Each record stands in exactly the sets that its state asks for, at its own place there, and each entry of a
  /// set has such a record; it is found in the listings, by the keys it holds, when its limits pass and when
  /// those end that it waits for; counters equal the cardinalities they stand for; a user's window counts its
  /// jobs; keys, payloads and results belong to records. Not looked at: whose turn it is in a fair queue (what is
  /// lost of that is made up for within a round), and statistics. A repair never ends a job: a running one
  /// without a lease is given an overdue one, for the reaping to find, and a child that was not told of an end is
  /// told by the maintenance. `cursor` is ``AuditReport/next`` of the piece before, nil for the
  /// first. Right while the broker works: what changes during the call is not mistaken for a fault.
  func audit(
    repairs: Bool, after cursor: String?, limit: Int
  ) async throws(BrokerError) -> AuditReport
}

/// What an audit found.
package struct AuditReport: Hashable, Sendable {
  package var checked: Int
  package var findings: [AuditFinding]
  /// Where to go on; nil after the last piece.
  package var next: String?

  package init(checked: Int = 0, findings: [AuditFinding] = [], next: String? = nil) {
    self.checked = checked
    self.findings = findings
    self.next = next
  }
}

/// Something that cannot be, and is.
package struct AuditFinding: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// A record is missing from a set that its state asks for, or stands in another.
    case misplacedJob = "misplaced_job"
    /// A running job has no lease.
    case missingLease = "missing_lease"
    /// A set names a job that has no record.
    case missingRecord = "missing_record"
    /// A counter differs from what it counts.
    case wrongCount = "wrong_count"
    /// A payload, result, log or key belongs to no record.
    case orphan = "orphan"
    /// A payload that lies in the artifact store cannot be had from there (``PayloadStore/audit(_:after:limit:)``).
    case missingPayload = "missing_payload"
  }

  package var kind: Kind
  /// The job, queue or key it is about.
  package var subject: String
  /// What was found and what was wanted, in words.
  package var detail: String
  package var isRepaired: Bool

  package init(kind: Kind, subject: String, detail: String, isRepaired: Bool) {
    self.kind = kind
    self.subject = subject
    self.detail = detail
    self.isRepaired = isRepaired
  }
}

extension AuditFinding {
  /// As people's tools read it: `"findings":[{"kind","subject","detail","mended"}]`.
  package static func write(_ findings: [AuditFinding], into writer: inout JSONWriter) {
    writer.array("findings") { list in
      for finding in findings {
        list.object {
          $0.member("kind", finding.kind.rawValue)
          $0.member("subject", finding.subject)
          $0.member("detail", finding.detail)
          $0.member("mended", finding.isRepaired)
        }
      }
    }
  }
}

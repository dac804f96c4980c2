package import EventLoop
package import Jobs

/// What is done for the broker every few seconds, and its audit, asked for now. All of it needs `admin`.
@EventLoop
package final class MaintenanceVerbs {
  private let broker: any Broker
  private let payloads: PayloadStore
  private let rules: LossRules
  private let pieces: Int

  /// What the cursors of pages of payloads begin with, which come after the broker's own pieces.
  private static let payloadMark = "payloads:"

  /// `rules` are those of the maintenance that runs by itself; one call audits at most ten pieces of the store, and
  /// the payloads of at most ten pages.
  package init(broker: any Broker, payloads: PayloadStore, rules: LossRules, pieces: Int = 1000) {
    self.broker = broker
    self.payloads = payloads
    self.rules = rules
    self.pieces = pieces
  }

  /// Does all that is due now, then looks through the store for what cannot be, and mends it if `repairs`.
  /// `cursor` is that of an answer before: the audit goes on there, and nothing else is done.
  package func run(
    repairs: Bool, after cursor: String?, by identity: Identity
  ) async throws(Problem) -> MaintenanceDocument {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in
      var document = MaintenanceDocument()
      if cursor == nil { document.done = try await maintain() }
      if let cursor, cursor.hasPrefix(Self.payloadMark) {
        try await audit(&document, payloadsAfter: String(cursor.dropFirst(Self.payloadMark.count)))
        return document
      }
      document.next = cursor
      for _ in 0..<10 {
        let report = try await broker.audit(repairs: repairs, after: document.next, limit: pieces)
        document.checked += report.checked
        document.findings += report.findings
        document.next = report.next
        if report.next == nil {
          try await audit(&document, payloadsAfter: nil)
          break
        }
      }
      return document
    }
  }

  private func audit(
    _ document: inout MaintenanceDocument, payloadsAfter cursor: String?
  ) async throws(BrokerError) {
    var cursor = cursor
    for _ in 0..<10 {
      let report = try await payloads.audit(broker, after: cursor)
      document.findings += report.findings
      cursor = report.next
      if cursor == nil { break }
    }
    document.next = cursor.map { Self.payloadMark + $0 }
  }

  /// Until a call finds nothing more, at most so often that nobody else waits long.
  private func maintain() async throws(BrokerError) -> MaintenanceReport {
    var sum = MaintenanceReport()
    for _ in 0..<20 {
      let report = try await broker.maintain(limit: 100, rules)
      sum.add(report)
      if report == MaintenanceReport() { break }
    }
    return sum
  }
}

/// What a maintenance that was asked for did and found.
package struct MaintenanceDocument: Hashable, Sendable {
  /// Nil where only the audit went on.
  package var done: MaintenanceReport?
  package var checked = 0
  package var findings: [AuditFinding] = []
  /// Where the audit is to go on; nil where all was looked at.
  package var next: String?

  /// `{"maintenance":{…},"audit":{"checked","found","mended","findings":[…]},"cursor"}`.
  package var text: JSONText {
    var writer = JSONWriter()
    writer.object { document in
      if let done {
        document.object("maintenance") {
          $0.member("promoted", done.promoted)
          $0.member("stalled", done.stalled.count)
          $0.member("requeued", done.requeued.count)
          $0.member("failed", done.failed.count)
          $0.member("cancelled", done.cancelled.count)
          $0.member("expired", done.expired.count)
          $0.member("pardoned", done.pardoned)
          $0.member("pruned", done.pruned)
        }
      }
      document.object("audit") { audit in
        audit.member("checked", checked)
        audit.member("found", findings.count)
        audit.member("mended", findings.count(where: \.isRepaired))
        AuditFinding.write(findings, into: &audit)
      }
      document.member("cursor", next)
    }
    return writer.text
  }
}

extension MaintenanceReport {
  fileprivate mutating func add(_ other: MaintenanceReport) {
    promoted += other.promoted
    stalled += other.stalled
    requeued += other.requeued
    failed += other.failed
    cancelled += other.cancelled
    pardoned += other.pardoned
    expired += other.expired
    pruned += other.pruned
  }
}

extension Procedures {
  static func maintenance(_ verbs: MaintenanceVerbs) -> [Procedure] {
    [
      Procedure("maintenance.run") { reader, identity throws(Problem) in
        let repairs = reader.flag("repair") ?? false
        let cursor = reader.text("cursor", upTo: 1000)
        try reader.finish()
        return .document(try await verbs.run(repairs: repairs, after: cursor, by: identity).text)
      }
    ]
  }
}

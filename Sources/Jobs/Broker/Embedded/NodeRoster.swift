/// Gateways that were heard of. Kept in memory alone: after a restart they say it again.
struct NodeRoster: Sendable {
  private var entries: [NodeID: (report: NodeReport, ends: Timestamp)] = [:]

  mutating func hear(_ report: NodeReport, until ends: Timestamp, at now: Timestamp) {
    entries = entries.filter { $0.value.ends > now }
    entries[report.id] = (report, ends)
  }

  mutating func remove(_ node: NodeID) { entries[node] = nil }

  /// Those of which the time is not over, by id.
  func nodes(at now: Timestamp) -> [NodeReport] {
    entries.values.filter { $0.ends > now }.map(\.report).sorted { $0.id < $1.id }
  }
}

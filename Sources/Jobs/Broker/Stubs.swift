import EventLoop
extension EmbeddedBroker: BrokerArchive, BrokerAudit {
  package func archive(after cursor: String?, limit: Int) async throws(BrokerError) -> ArchivePage { throw .corrupt("unbuilt") }
  package func restore(_ entries: [ArchiveEntry]) async throws(BrokerError) -> RestoreReport { throw .corrupt("unbuilt") }
  package func discard(_ ids: [JobID]) async throws(BrokerError) { throw .corrupt("unbuilt") }
  package func audit(repairs: Bool, after cursor: String?, limit: Int) async throws(BrokerError) -> AuditReport { throw .corrupt("unbuilt") }
}

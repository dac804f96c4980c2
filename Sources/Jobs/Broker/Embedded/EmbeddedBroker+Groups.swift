extension EmbeddedBroker: JobGroups {
  package func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup {
    throw .corrupt("groups are not kept yet")
  }

  package func close(_ group: GroupID) async throws(BrokerError) -> JobGroup {
    throw .groupNotFound
  }

  package func group(_ id: GroupID) async throws(BrokerError) -> JobGroup? { nil }

  package func jobs(
    of group: GroupID, limit: Int, cursor: String?
  ) async throws(BrokerError) -> JobPage { JobPage(jobs: []) }
}

package import EventLoop
package import Jobs

/// The gateways that share the broker, and what they know together.
@EventLoop
package final class NodeVerbs {
  private let broker: any Broker
  private let jobs: JobVerbs
  private let node: Node

  /// Also lets `node` answer for `hub` when others ask.
  package init(broker: any Broker, jobs: JobVerbs, node: Node, hub: Hub) {
    self.broker = broker
    self.jobs = jobs
    self.node = node
    node.answers(Self.watchers) { [weak hub] name in
      guard let hub, let channel = Channel(name) else { return nil }
      return hub.census(of: channel).text
    }
  }

  private static let watchers = "watchers"

  /// Every gateway that is there, by id. Needs `admin`.
  package func nodes(for identity: Identity) async throws(Problem) -> [NodeReport] {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in try await broker.nodes() }
  }

  /// Who watches a job, over all gateways; for its owner and for `admin`.
  package func watchers(
    of id: JobID, for identity: Identity
  ) async throws(Problem) -> (census: WatchCensus, nodes: Int, missing: Int) {
    _ = try await jobs.job(id, for: identity)
    let result = await node.survey(Self.watchers, about: Channel.job(id).description)
    var sum = WatchCensus()
    for answer in result.answers.compactMap({ WatchCensus(reading: $0) }) { sum += answer }
    return (sum, result.answers.count, result.missing)
  }
}

extension NodeReport {
  fileprivate func write(into writer: inout JSONWriter) {
    writer.member("id", id.description)
    writer.member("host", host)
    writer.member("process", process)
    writer.member("version", version)
    writer.member("started_at", startedAt.milliseconds)
    writer.member("connections", connections)
    writer.member("subscriptions", subscriptions)
    writer.fact("draining", isDraining)
    writer.member("delivering", isDelivering)
    writer.member("delay", number: deliveryDelay.map { $0 / .seconds(1) })
  }
}

extension Procedures {
  static func nodes(_ verbs: NodeVerbs) -> [Procedure] {
    [
      Procedure("node.list") { reader, identity throws(Problem) in
        try reader.finish()
        let nodes = try await verbs.nodes(for: identity)
        var writer = JSONWriter(reserving: 1024)
        writer.object { object in
          object.array("nodes") { list in for node in nodes { list.object { node.write(into: &$0) } } }
        }
        return .document(writer.text)
      },
      Procedure("job.watchers") { reader, identity throws(Problem) in
        let id = try reader.jobID()
        try reader.finish()
        let answer = try await verbs.watchers(of: id, for: identity)
        var writer = JSONWriter()
        writer.object {
          answer.census.write(into: &$0)
          $0.member("nodes", answer.nodes)
          if answer.missing > 0 { $0.member("missing", answer.missing) }
        }
        return .document(writer.text)
      },
    ]
  }
}

package import EventLoop
import Jobs

/// `/metrics`: what Prometheus reads. For `admin`; without a token at the listener ``listener``, which is for nothing else.
@EventLoop
package struct MetricsRoutes {
  private let queues: QueueVerbs
  private let workers: WorkerVerbs
  private let nodes: NodeVerbs
  private let status: StatusVerbs
  private let identify: @EventLoop @Sendable (Request) async throws(Problem) -> Identity

  /// The name of the listener at which whoever reaches it may read.
  package nonisolated static let listener = "metrics"

  package init(
    queues: QueueVerbs, workers: WorkerVerbs, nodes: NodeVerbs, status: StatusVerbs,
    identify: @escaping @EventLoop @Sendable (Request) async throws(Problem) -> Identity
  ) {
    self.queues = queues
    self.workers = workers
    self.nodes = nodes
    self.status = status
    self.identify = identify
  }

  package var routes: [Route] { [Route(.get, "/metrics", .open, handler: show)] }

  private func show(_ call: Call) async throws -> Response {
    if call.request.listener != Self.listener { try await identify(call.request).require(.admin) }
    let page = try await page()
    return Response(
      200,
      headers: [("content-type", "text/plain; version=0.0.4; charset=utf-8"), ("cache-control", "no-store")],
      body: .bytes(Array(page.text.utf8)))
  }

  /// A broker that is away is a figure, no failure: the rest is absent then.
  private func page() async throws(Problem) -> MetricsPage {
    var page = MetricsPage()
    let health = try await status.health(for: .ofTheGateway)
    page.add(health)
    guard !health.isBrokerAway else { return page }
    let found = try await queues.queues(for: .ofTheGateway)
    page.add(found, now: .now)
    var recent: [(name: QueueName, statistics: QueueStatistics)] = []
    for queue in found {
      recent.append(
        (queue.name, try await queues.statistics(of: queue.name, minutes: 15, for: .ofTheGateway)))
    }
    page.add(recent: recent)
    page.add(try await workers.workers(for: .ofTheGateway))
    page.add(try await nodes.nodes(for: .ofTheGateway), now: .now)
    return page
  }
}

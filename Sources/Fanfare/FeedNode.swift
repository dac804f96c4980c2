import EventLoop
import Foundation
import Gateway
import History
import Jobs
import Logging
import Web
import Workers

/// What a gateway's process does with the feed: tells webhooks, and writes the history.
///
/// Every process of a `serve` has one. Which of them reads is settled by the broker, from batch to batch; deliveries are
/// jobs, and any of them takes those.
@EventLoop
final class FeedNode {
  private var readers: [FeedReader] = []
  private var deliveries: WorkerPool?
  private var alerts: AlertWatch?
  private let history: (any HistoryStore)?

  /// Starts what is configured; nil where nothing is.
  static func start(
    _ configuration: Configuration, _ broker: any Broker, _ payloads: PayloadStore
  ) async throws -> FeedNode? {
    guard configuration.webhooks.rules != nil || !configuration.history.url.isEmpty else { return nil }
    let node = FeedNode(history: HistoryAddress(configuration.history.url)?.store())
    let holder = WorkerID.generated().description
    var settings = FeedReader.Settings()
    settings.bound = configuration.feed.bound
    if let rules = configuration.webhooks.rules {
      let logger = Logger(label: "fanfare.webhooks")
      let dispatch = WebhookDispatch(broker: broker, payloads: payloads, rules: rules)
      node.readers.append(
        FeedReader(of: broker, for: WebhookDispatch.consumer, holder: holder, settings, logger: logger) {
          try await dispatch.dispatch($0)
        })
      node.startDeliveries(configuration, rules, broker, payloads, logger)
      if configuration.leads, !configuration.webhooks.alerts.isEmpty {
        let watch = AlertWatch(
          status: StatusVerbs(broker: broker, rules: HealthRules(configuration.health)), broker: broker,
          payloads: payloads, telling: configuration.webhooks.alerts, rules: rules, logger: logger)
        watch.start()
        node.alerts = watch
      }
    }
    if let history = node.history {
      let logger = Logger(label: "fanfare.history")
      let writer = HistoryWriter(to: history, logger: logger)
      node.readers.append(
        FeedReader(of: broker, for: HistoryWriter.consumer, holder: holder, settings, logger: logger) {
          try await writer.write($0)
        })
    }
    for reader in node.readers { reader.start() }
    return node
  }

  private init(history: (any HistoryStore)?) { self.history = history }

  private func startDeliveries(
    _ configuration: Configuration, _ rules: WebhookRules, _ broker: any Broker, _ payloads: PayloadStore,
    _ logger: Logger
  ) {
    let webhooks = configuration.webhooks
    let worker = WebhookWorker(
      WebhookWorker.Configuration(
        secrets: webhooks.secrets.compactMap { WebhookSecret($0) }, time: webhooks.timeout, retry: rules.retry,
        share: max(1, webhooks.slots / 4), version: Fanfare.version),
      transport: WebTransport(allowsPrivateAddresses: rules.allowsPrivateAddresses))
    let pool = WorkerPool(
      broker: broker, registry: WorkerRegistry([worker]), store: payloads.files,
      configuration: WorkerPool.Configuration(
        queues: [WebhookDelivery.queue], slots: webhooks.slots,
        timing: LeaseTiming(lease: configuration.broker.lease), version: Fanfare.version),
      logger: logger)
    deliveries = pool
    pool.start()
    Task { await Self.share(among: broker, slots: webhooks.slots, logger) }
  }

  /// Lets users take turns in the queue of deliveries, unless somebody has set it: whose endpoints hang holds up nobody
  /// else's.
  private static func share(among broker: any Broker, slots: Int, _ logger: Logger) async {
    var settings = QueueSettings()
    settings.type = "WEBHOOK"
    settings.isFair = true
    settings.userWindow = max(1, slots / 2)
    while true {
      do throws(BrokerError) {
        _ = try await broker.set(WebhookDelivery.queue, to: settings, ifVersion: 0)
        return
      } catch {
        guard error == .unavailable else { return }
        await EventLoop.pause(for: .seconds(2))
      }
    }
  }

  /// Reads no more, and gives back deliveries that are not over in the time.
  func stop(within time: Duration) async {
    alerts?.stop()
    for reader in readers { reader.halt() }
    // A database that hangs holds nobody up: what it was given comes again.
    if let history { await history.close() }
    for reader in readers { await reader.stop() }
    await deliveries?.drain(grace: time)
  }
}

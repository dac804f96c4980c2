package import EventLoop
package import Jobs
package import Logging

/// Tells webhooks of alerts: when one begins to hold, and when it does no more.
///
/// A message is a job as every delivery is: kept, tried again, signed. Gateways that share a broker each look for
/// themselves; what they see in the same minute is told once.
@EventLoop
package final class AlertWatch {
  private let status: StatusVerbs
  private let broker: any Broker
  private let payloads: PayloadStore
  private let addresses: [String]
  private let rules: WebhookRules
  private let clock: @Sendable () -> Timestamp
  private let logger: Logger
  private var book = AlertBook()
  private var timer: LoopTimer?
  private var isLooking = false

  package init(
    status: StatusVerbs, broker: any Broker, payloads: PayloadStore, telling addresses: [String], rules: WebhookRules,
    clock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
  ) {
    self.status = status
    self.broker = broker
    self.payloads = payloads
    self.addresses = addresses
    self.rules = rules
    self.clock = clock
    self.logger = logger
  }

  /// Looks from now on, until ``stop()`` or let go.
  package func start(every interval: Duration = .seconds(15)) {
    timer = LoopTimer(every: interval, first: interval) { [weak self] in
      Task { @EventLoop in
        do { try await self?.look() } catch {
          self?.logger.warning("alerts could not be told", metadata: ["error": "\(error)"])
        }
      }
    }
  }

  package func stop() { timer = nil }

  /// One look. What cannot be told now, as while the broker is away, is news at the next look again.
  package func look() async throws {
    guard !isLooking else { return }
    isLooking = true
    defer { isLooking = false }
    var book = book
    let report = try await status.health(for: .ofTheGateway)
    // What is wrong with the deliveries themselves would only add to them.
    let alerts = report.alerts.filter { $0.queue != WebhookDelivery.queue }
    for change in book.note(alerts) { try await tell(change) }
    self.book = book
  }

  private func tell(_ change: AlertBook.Change) async throws {
    let message = AlertMessage(change, at: clock())
    for address in addresses {
      let delivery = WebhookDelivery(address: address, id: message.id, body: message.body)
      let request = JobRequest(
        queue: WebhookDelivery.queue, kind: .webhook, user: rules.user, payload: delivery.payload,
        maxAttempts: rules.attempts, retry: rules.retry, idempotencyKey: delivery.idempotencyKey)
      do throws(Problem) { _ = try await payloads.enqueue(request, on: broker) } catch {
        // Another gateway has told it, in figures of its own.
        guard error.code == .idempotencyKeyReused else { throw error }
      }
    }
  }
}

/// What is told of an alert: `{"type":"alert.raised","timestamp","data":{"condition","queue","detail"}}`.
private struct AlertMessage {
  let id: String
  let body: String

  init(_ change: AlertBook.Change, at moment: Timestamp) {
    let (word, alert) =
      switch change {
      case .raised(let alert): ("raised", alert)
      case .cleared(let alert): ("cleared", alert)
      }
    let queue = alert.queue?.description
    id = "alert_\(word)_\(alert.condition.rawValue)_\(queue ?? "all")_\(moment.milliseconds / 60_000)"
    let text = JSONText.object { message in
      message.member("type", "alert.\(word)")
      message.member("timestamp", moment.iso8601)
      message.object("data") {
        $0.member("condition", alert.condition.rawValue)
        $0.member("queue", queue)
        $0.member("detail", alert.detail)
      }
    }
    body = text.description
  }
}

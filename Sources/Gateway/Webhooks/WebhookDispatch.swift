package import EventLoop
package import Jobs

/// Makes of entries of the feed the jobs that tell webhooks: one for each address that wants to hear of the change.
///
/// Safe to repeat: the job of a message and an address has a key of its own (``Jobs/WebhookDelivery/idempotencyKey``),
/// so that an entry which comes again is told once, as long as keys are remembered.
@EventLoop
package final class WebhookDispatch {
  private let broker: any Broker
  private let payloads: PayloadStore
  private let rules: WebhookRules
  private let clock: @Sendable () -> Timestamp

  /// The consumer's name in the feed.
  package static let consumer = FeedConsumer("webhooks")

  package init(
    broker: any Broker, payloads: PayloadStore, rules: WebhookRules,
    clock: @escaping @Sendable () -> Timestamp = { .now }
  ) {
    self.broker = broker
    self.payloads = payloads
    self.rules = rules
    self.clock = clock
  }

  /// Returns when every delivery is accepted; throws what the broker or the store refuses.
  package func dispatch(_ entries: [FeedEntry]) async throws {
    // Together, so that the broker takes them in one step.
    let tasks = entries.flatMap(requests).map { request in
      Task { @EventLoop in try await enqueue(request) }
    }
    var fault: (any Error)?
    for task in tasks {
      do { try await task.value } catch { fault = fault ?? error }
    }
    if let fault { throw fault }
  }

  private func requests(of entry: FeedEntry) -> [JobRequest] {
    guard !isLongOver(entry) else { return [] }
    let message = WebhookMessage(entry: entry)
    let hooks = entry.terms.webhooks.filter { $0.hears(of: entry.job.state, from: entry.previous) }
    guard !hooks.isEmpty else { return [] }
    let body = message.body
    return hooks.map { hook in
      let delivery = WebhookDelivery(address: hook.address, id: message.id, body: body)
      return JobRequest(
        queue: WebhookDelivery.queue, kind: .webhook, user: hook.isOfQueue ? rules.user : entry.job.user,
        payload: delivery.payload, maxAttempts: rules.attempts, retry: rules.retry,
        idempotencyKey: delivery.idempotencyKey)
    }
  }

  /// An end that a backup brought back: it was told in its time, and nobody remembers the key any more.
  private func isLongOver(_ entry: FeedEntry) -> Bool {
    guard entry.reason == "restored", entry.job.state.isTerminal else { return false }
    return clock() - entry.job.updatedAt > .seconds(86_000)
  }

  private func enqueue(_ request: JobRequest) async throws {
    do throws(PayloadStore.SubmissionFault) {
      _ = try await payloads.submit(request) { request async throws(BrokerError) in
        try await broker.enqueue(request)
      } isKept: {
        $0.job.id == request.id
      }
    } catch {
      // The message is told already, in words of another version.
      if error == .broker(.idempotencyKeyReused) { return }
      throw error
    }
  }
}

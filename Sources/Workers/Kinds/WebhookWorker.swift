import Foundation
package import Jobs

/// Tells a webhook, as Standard Webhooks has it: a signed POST, whose answer is what counts.
///
/// 2xx is success. 410 ends it for good, since the endpoint wants no more, and so does an address that may not be
/// connected to; anything else, redirections too, is tried again by the job's policy, or when `Retry-After` says so.
/// The timestamp and with it the signatures are those of the attempt; id and body are the message's own.
package struct WebhookWorker: Worker {
  package struct Configuration: Sendable {
    /// One signature each: the newest first, those of before as long as receivers know them only.
    package var secrets: [WebhookSecret]
    /// The longest that one attempt may take.
    package var time: Duration
    package var retry: RetryPolicy
    /// The most attempts at one host at a time.
    package var share: Int
    /// For the `User-Agent`.
    package var version: String

    package init(
      secrets: [WebhookSecret], time: Duration = .seconds(15), retry: RetryPolicy = .standard, share: Int = 4,
      version: String = "dev"
    ) {
      self.secrets = secrets
      self.time = time
      self.retry = retry
      self.share = share
      self.version = version
    }
  }

  private let configuration: Configuration
  private let transport: any WebhookTransport
  private let shares: EndpointShares
  private let clock: @Sendable () -> Timestamp

  package init(
    _ configuration: Configuration, transport: any WebhookTransport,
    clock: @escaping @Sendable () -> Timestamp = { .now }
  ) {
    self.configuration = configuration
    self.transport = transport
    self.clock = clock
    shares = EndpointShares(limit: configuration.share)
  }

  package var kind: JobKind { .webhook }
  package var retryPolicy: RetryPolicy { configuration.retry }
  // What the transport is given, and time to be late in.
  package var defaultTimeout: Duration? { configuration.time + .seconds(15) }

  @concurrent package func perform(_ job: JobContext) async throws -> Outcome {
    guard let delivery = WebhookDelivery(payload: job.payload) else {
      return .failedForGood(JobFailure(code: "invalid_payload", message: "The payload is no message to a webhook."))
    }
    let host = URLComponents(string: delivery.address)?.host?.lowercased() ?? ""
    guard shares.take(host) else {
      // One that is slow must not hold the slots of all.
      return .postponed(for: .milliseconds(.random(in: 500...1500)))
    }
    defer { shares.giveBack(host) }
    do throws(WebhookFault) {
      return outcome(of: try await transport.post(post(delivery)))
    } catch {
      let failure = JobFailure(
        code: error.mayPass ? "unreachable" : "address_refused",
        message: "The webhook could not be told: \(error.reason).")
      return error.mayPass ? .failed(failure) : .failedForGood(failure)
    }
  }

  private func post(_ delivery: WebhookDelivery) -> WebhookPost {
    let seconds = clock().milliseconds / 1000
    let signatures = configuration.secrets.map { $0.signature(of: delivery.id, at: seconds, delivery.body) }
    return WebhookPost(
      address: delivery.address,
      headers: [
        (name: "content-type", value: "application/json"),
        (name: "user-agent", value: "Fanfare/\(configuration.version)"),
        (name: "webhook-id", value: delivery.id),
        (name: "webhook-timestamp", value: "\(seconds)"),
        (name: "webhook-signature", value: signatures.joined(separator: " ")),
      ], body: Array(delivery.body.utf8), time: configuration.time)
  }

  private func outcome(of answer: WebhookAnswer) -> Outcome {
    let status = answer.status
    if (200...299).contains(status) {
      var writer = JSONWriter()
      writer.object { $0.member("status", status) }
      return .completed(writer.text)
    }
    if status == 410 {
      return .failedForGood(JobFailure(code: "gone", message: "The endpoint wants no more messages (410)."))
    }
    let failure = JobFailure(code: "http_status", message: "The endpoint answered \(status).")
    guard let pause = answer.retryAfter.flatMap({ RetryAfter.pause($0, now: clock()) }) else { return .failed(failure) }
    return .failedUntil(failure, retryAfter: min(pause, configuration.retry.cap))
  }
}

/// The field `Retry-After` (RFC 9110 §10.2.3).
enum RetryAfter {
  /// How long to wait: seconds, or up to a moment. Nil for what is neither.
  static func pause(_ text: String, now: Timestamp) -> Duration? {
    if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 31_536_000)) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    guard let date = format.date(from: text) else { return nil }
    let moment = Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
    return max(moment - now, .zero)
  }
}

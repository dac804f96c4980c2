/// How a webhook is asked.
package protocol WebhookTransport: Sendable {
  /// Sends one POST and reads the head of the answer; follows nothing. Throws what kept the answer away.
  func post(_ message: WebhookPost) async throws(WebhookFault) -> WebhookAnswer
}

/// One POST.
package struct WebhookPost: Sendable {
  package var address: String
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// The longest that all of it may take.
  package var time: Duration

  package init(
    address: String, headers: [(name: String, value: String)], body: [UInt8], time: Duration
  ) {
    self.address = address
    self.headers = headers
    self.body = body
    self.time = time
  }
}

/// What of an answer counts.
package struct WebhookAnswer: Hashable, Sendable {
  package var status: Int
  /// The field `Retry-After`, as it stands.
  package var retryAfter: String?

  package init(status: Int, retryAfter: String? = nil) {
    self.status = status
    self.retryAfter = retryAfter
  }
}

/// Why there was no answer.
package struct WebhookFault: Error, Hashable, Sendable {
  /// The end of a sentence that begins with the attempt; it does not name the address, which may hold what is secret.
  package var reason: String
  /// Whether another attempt may go well.
  package var mayPass: Bool

  package init(reason: String, mayPass: Bool) {
    self.reason = reason
    self.mayPass = mayPass
  }
}

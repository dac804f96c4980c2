package import Jobs

/// How webhooks are told.
package struct WebhookRules: Hashable, Sendable {
  /// How often a delivery is tried, and when again.
  package var attempts = 15
  package var retry = RetryPolicy(base: .seconds(5), cap: .seconds(21_600), jitter: 0.2)
  /// In whose name those of queues are told; those of a job are told in the name of its user.
  package var user = "webhooks"
  /// Whether plain `http` and addresses that lead into private networks are let pass.
  package var allowsPrivateAddresses = false

  package init() {}
}

/// How many webhooks one job may name, or a queue.
package enum WebhookLimits {
  package static let count = 5
  package static let addressLength = 2048
}

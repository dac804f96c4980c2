import Gateway
import History
import Jobs
import Web

/// `[feed]`: what is kept for webhooks and the history until they have it.
struct FeedConfiguration: ConfigurationSection {
  var bound = FeedEntry.standardBound

  static let settings: [Setting<Self>] = [Setting("bound", \.bound, in: 100...100_000_000)]
}

/// `[webhooks]`: how webhooks are told.
struct WebhooksConfiguration: ConfigurationSection {
  var secrets: [String] = []
  var attempts = WebhookRules().attempts
  var backoff = WebhookRules().retry.base
  var maxBackoff = WebhookRules().retry.cap
  var timeout = Duration.seconds(15)
  var slots = 16
  var user = WebhookRules().user
  var allowPrivateAddresses = false
  /// Addresses that are told of alerts.
  var alerts: [String] = []

  static let settings: [Setting<Self>] = [
    Setting("alerts", \.alerts, wanted: "a list of https:// addresses") {
      $0.allSatisfy { (try? WebAddress($0)) != nil }
    },
    Setting(
      "secrets", \.secrets, isSecret: true,
      wanted: "a list of secrets: whsec_ and 24 to 64 bytes in Base64, like \"whsec_$(openssl rand -base64 32)\""
    ) { $0.allSatisfy { WebhookSecret($0) != nil } },
    Setting("attempts", \.attempts, in: 1...100),
    Setting(positive: "backoff", \.backoff),
    Setting(positive: "max_backoff", \.maxBackoff),
    Setting("timeout", \.timeout, wanted: "a duration from \"1s\" to \"5m\"") {
      (.seconds(1) ... .seconds(300)).contains($0)
    },
    Setting("slots", \.slots, in: 1...1024),
    Setting("user", \.user, wanted: "a name of 1 to 255 bytes") { (1...255).contains($0.utf8.count) },
    Setting("allow_private_addresses", \.allowPrivateAddresses),
  ]

  /// Nil where nothing can be signed.
  var rules: WebhookRules? {
    guard !secrets.isEmpty else { return nil }
    var rules = WebhookRules()
    rules.attempts = attempts
    rules.retry = RetryPolicy(base: backoff, cap: maxBackoff, jitter: rules.retry.jitter)
    rules.user = user
    rules.allowsPrivateAddresses = allowPrivateAddresses
    return rules
  }
}

/// `[history]`: a database that every job is written to.
struct HistoryConfiguration: ConfigurationSection {
  /// Empty: none.
  var url = ""

  static let settings: [Setting<Self>] = [
    Setting(
      "url", \.url, isSecret: true,
      wanted: "an address like \"sqlite:///var/lib/fanfare/history.sqlite\" or \"postgres://user@host/database\""
    ) { $0.isEmpty || HistoryAddress($0) != nil }
  ]
}

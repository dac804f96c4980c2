package import Jobs

/// What an operator may set about the gateway. The defaults are those of `config.toml`.
package struct GatewaySettings: Sendable {
  /// Shown to clients as the server's version and as this node's name.
  package var version = "dev"
  package var node = "node"
  /// Where this node runs, for those who look for it.
  package var host = "localhost"
  package var process = 0

  /// Origins besides our own host that may open sockets: `https://app.example.com`, or `*`.
  package var allowedOrigins: [String] = []
  /// Origins that may read HTTP answers from a browser (CORS). Empty: same origin only.
  package var corsOrigins: [String] = []
  /// A cookie that may hold the token; nil: none. It counts for pages of our own host and of origins that are listed by
  /// name (``OriginPolicy/takesCookie(of:)``).
  package var tokenCookie: String?

  /// How often a connection is pinged; zero: never.
  package var pingInterval = Duration.seconds(25)
  /// How long the answer to a ping may take.
  package var pongTimeout = Duration.seconds(8)
  /// How long a connection may stay without `connect`.
  package var connectTimeout = Duration.seconds(10)
  /// How long an expired token is put up with, as SDKs refresh exactly at expiry.
  package var refreshGrace = Duration.seconds(25)
  /// How long before its token expires a connection is warned, at most half of the token's life; zero: never.
  package var expiryWarning = Duration.seconds(60)
  /// How long frames that must arrive may wait for a reader.
  package var slowConsumerDeadline = Duration.seconds(30)
  /// The most bytes of such frames that may wait.
  package var slowConsumerLimit = 1 << 20
  /// Channels that one connection may watch at a time.
  package var channelsPerConnection = 128

  /// Handshakes of one user in a second, on this node; 0 for no limit.
  package var handshakesPerUser = 0
  /// Whether messages are compressed for clients that can read it.
  package var compresses = false
  /// Whether `/debug/echo` sends back what it is sent; only ever on a loopback address.
  package var echoes = false

  /// Requests per user in any ``requestWindow``.
  package var requestLimit = 10
  package var requestWindow = Duration.seconds(60)

  /// How long it is remembered that a user's tokens are void.
  package var revocationMemory = Duration.seconds(30 * 86_400)

  /// The most urgent priority of those whose token says nothing of it.
  package var maxPriority = 10

  /// Bytes of a job's payload.
  package var payloadLimit = JobRequest.payloadLimit
  /// Bytes of an uploaded file.
  package var uploadLimit: Int64 = 2 << 30
  /// Kinds of which an earlier result may be the answer to a submission with the same input.
  package var reusableKinds: Set<JobKind> = []
  /// When what is seen of queues is a cause for alarm.
  package var health = HealthRules()
  /// By which rules jobs are taken from lost workers where somebody asks for it now.
  package var losses = LossRules()
  /// How often, at most, watchers of waiting jobs are told their places; zero: never.
  package var placeInterval = Duration.seconds(1)
  /// How often each watched channel is compared with its record, where events may be lost; zero: never.
  package var positionInterval = Duration.seconds(18)
  /// The longest that a request may wait for its job.
  package var longPollLimit = Duration.seconds(60)

  /// The older systems whose callers are served, each in its place.
  package var legacy: [LegacyMount] = []

  /// How webhooks are told; nil: this gateway has no secret to sign them with, and lets nobody ask for one.
  package var webhooks: WebhookRules?
  /// Whether every job that is accepted goes into a history.
  package var recordsHistory = false

  /// Gives development tokens to anybody who asks; only ever on a loopback address.
  package var givesDevelopmentTokens = false

  package init() {}
}

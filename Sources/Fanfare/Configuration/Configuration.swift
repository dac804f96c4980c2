import Gateway
import Jobs

/// Everything that can be configured; as made, the defaults.
struct Configuration: Sendable, Equatable {
  var gateway = GatewayConfiguration()
  var broker = BrokerConfiguration()
  var admission = AdmissionConfiguration()
  var jobs = JobsConfiguration()
  var health = HealthConfiguration()
  var metrics = MetricsConfiguration()
  var uploads = UploadsConfiguration()
  var payloads = PayloadsConfiguration()
  var artifacts = ArtifactsConfiguration()
  var backup = BackupConfiguration()
  var feed = FeedConfiguration()
  var webhooks = WebhooksConfiguration()
  var history = HistoryConfiguration()
  var workers = WorkersConfiguration()
  /// Of older systems, by their names; those of which nothing is said are absent.
  var compatibility: [String: CompatibilityConfiguration] = [:]
  var log = LogConfiguration()
  var development = DevelopmentConfiguration()
  /// Which of the processes of its `serve` this is, told by the supervisor; nil of one that is alone.
  var seat: Seat?

  /// The tables there are, in the order of config.toml.
  static let tables: [ConfigurationTable] =
    [
      ConfigurationTable("gateway", \.gateway),
      ConfigurationTable("broker", \.broker),
      ConfigurationTable("admission", \.admission),
      ConfigurationTable(each: "admission.keys", \.admission.keys, KeyConfiguration()),
      ConfigurationTable("jobs", \.jobs),
      ConfigurationTable("health", \.health),
      ConfigurationTable("metrics", \.metrics),
      ConfigurationTable("uploads", \.uploads),
      ConfigurationTable("payloads", \.payloads),
      ConfigurationTable("artifacts", \.artifacts),
      ConfigurationTable("backup", \.backup),
      ConfigurationTable("feed", \.feed),
      ConfigurationTable("webhooks", \.webhooks),
      ConfigurationTable("history", \.history),
      ConfigurationTable("workers", \.workers),
      ConfigurationTable("workers.ffmpeg", \.workers.ffmpeg),
      ConfigurationTable("workers.slideshow", \.workers.slideshow),
      ConfigurationTable("workers.demucs", \.workers.demucs),
      ConfigurationTable(each: "workers.commands", \.workers.commands, CommandKindConfiguration()),
      ConfigurationTable("log", \.log),
      ConfigurationTable("development", \.development),
    ] + legacyTables

  /// Whether development tokens are handed out: switched on, reachable from this machine only, and no
  /// key of the operator's that they would undermine.
  var isDevelopment: Bool {
    development.enabled && gateway.isLoopback && !admission.hasKeys && hasLocalPublicURL
  }

  /// A public URL elsewhere means that a proxy lets the world in.
  private var hasLocalPublicURL: Bool {
    guard let host = ServerAddress(gateway.publicURL)?.host else { return true }
    return GatewayConfiguration.isLoopback(host: host)
  }

  /// What is wrong between keys, each by itself in order.
  var contradictions: [ConfigurationFault] {
    var faults: [ConfigurationFault] = []
    func require(_ holds: Bool, _ key: String, found: String, wanted: String) {
      if !holds { faults.append(ConfigurationFault(key: key, found: found, wanted: wanted)) }
    }
    require(
      gateway.pongTimeout < gateway.pingInterval, "gateway.pong_timeout",
      found: gateway.pongTimeout.written,
      wanted: "less than gateway.ping_interval, \(gateway.pingInterval.written)")
    require(
      processCount == 1 || !broker.isEmbedded, "gateway.processes",
      found: "\(processCount) together with broker.url \"embedded\"",
      wanted: "1, or a Redis in broker.url, which processes share")
    require(
      !gateway.debugEcho || gateway.isLoopback, "gateway.debug_echo", found: "true",
      wanted: "false, because gateway.host \"\(gateway.host)\" can be reached from elsewhere")
    // Looks come up to a quarter late, and a lease with a third left is shown as stalled.
    require(
      broker.reapInterval <= broker.lease / 4, "broker.reap_interval",
      found: broker.reapInterval.written,
      wanted: "at most a quarter of broker.lease, \((broker.lease / 4).written)")
    require(
      payloads.maxInline <= payloads.maxSize, "payloads.max_inline",
      found: "\"\(payloads.maxInline)\"", wanted: "at most payloads.max_size, \"\(payloads.maxSize)\"")
    require(
      artifacts.bucket.isEmpty || !(artifacts.accessKey.isEmpty || artifacts.secretKey.isEmpty),
      "artifacts.bucket", found: "\"\(artifacts.bucket)\" without a key",
      wanted: "artifacts.access_key and artifacts.secret_key with it")
    require(
      admission.hasKeys || isDevelopment, "admission.keys", found: "no key",
      wanted: gateway.isLoopback
        ? "at least one, or development.enabled with an address of this machine only"
        : "at least one, because gateway.host \"\(gateway.host)\" can be reached from elsewhere")
    for (index, key) in admission.keys.enumerated() {
      faults += key.contradictions(at: "admission.keys[\(index)]")
    }
    faults += repeated(admission.keys.map(\.id).filter { !$0.isEmpty }, "admission.keys", "id")
    for (index, command) in workers.commands.enumerated() {
      faults += command.contradictions(at: "workers.commands[\(index)]")
    }
    require(
      webhooks.alerts.isEmpty || !webhooks.secrets.isEmpty, "webhooks.alerts", found: "addresses and no secret",
      wanted: "a secret in webhooks.secrets, which messages are signed with")
    for address in webhooks.alerts where address.hasPrefix("http://") {
      require(
        webhooks.allowPrivateAddresses, "webhooks.alerts", found: "\"\(address)\"",
        wanted: "https://, or webhooks.allow_private_addresses")
    }
    faults += placeContradictions
    faults += legacyContradictions
    let isTaken = workers.commands.contains { JobKind($0.name) == .webhook }
    require(
      !isTaken, "workers.commands.name", found: "\"\(JobKind.webhook)\"",
      wanted: "another name: jobs of that kind are the gateway's own messages to webhooks")
    let isMixed = workers.served.contains { QueueName($0) == WebhookDelivery.queue }
    require(
      !isMixed, "workers.queues", found: "\"\(WebhookDelivery.queue)\"",
      wanted: "other queues: the gateway's own messages to webhooks wait in that one")
    let kinds = workers.commands.map(\.name) + workers.builtInKinds
    faults += repeated(kinds.filter { !$0.isEmpty }, "workers.commands", "name")
    return faults
  }

  private func repeated(_ names: [String], _ table: String, _ key: String) -> [ConfigurationFault] {
    Dictionary(grouping: names, by: \.self).filter { $0.value.count > 1 }.keys.sorted().map {
      ConfigurationFault(
        key: "\(table).\(key)", found: "\"\($0)\" twice", wanted: "each \(key) once")
    }
  }
}

extension KeyConfiguration {
  fileprivate func contradictions(at key: String) -> [ConfigurationFault] {
    var faults: [ConfigurationFault] = []
    let given = [("secret", secret), ("secret_file", secretFile), ("pem_file", pemFile)]
      .filter { !$0.1.isEmpty }.map(\.0)
    if given.count != 1 {
      faults.append(
        ConfigurationFault(
          key: key, found: given.isEmpty ? "no key" : given.joined(separator: " and "),
          wanted: "one of secret, secret_file and pem_file"))
    } else if algorithm.isSymmetric == (given == ["pem_file"]) {
      faults.append(
        ConfigurationFault(
          key: "\(key).\(given[0])", found: "it together with \(algorithm.rawValue)",
          wanted: algorithm.isSymmetric ? "secret or secret_file" : "pem_file"))
    }
    return faults
  }
}

extension CommandKindConfiguration {
  fileprivate func contradictions(at key: String) -> [ConfigurationFault] {
    var faults: [ConfigurationFault] = []
    for (name, value) in [("name", name), ("program", program)] where value.isEmpty {
      faults.append(ConfigurationFault(key: "\(key).\(name)", found: "nothing", wanted: "a value"))
    }
    if (progress == .pattern) == pattern.isEmpty {
      faults.append(
        ConfigurationFault(
          key: "\(key).pattern", found: pattern.isEmpty ? "nothing" : "a pattern",
          wanted: pattern.isEmpty
            ? "a pattern, because progress is \"pattern\"" : "progress = \"pattern\" with it"))
    }
    return faults + unusable(at: key)
  }
}

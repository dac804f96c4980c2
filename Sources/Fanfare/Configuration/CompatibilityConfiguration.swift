import Foundation
import Gateway
import Jobs

/// `[compatibility.<name>]`: an older system whose callers are served, and where.
struct CompatibilityConfiguration: ConfigurationSection {
  /// Whether a submission waits for its job's end.
  enum Synchrony: String, Sendable, CaseIterable, ConfigurationConvertible {
    /// Where there is no Redis.
    case auto
    case always
    case never
  }

  var enabled = false
  /// 0: the gateway's own.
  var port = 0
  var prefix: String
  /// Empty: nobody is let in without a token.
  var user = ""
  var scopes = ["jobs:submit", "jobs:read", "jobs:manage"]
  /// Dates; empty: not told.
  var deprecatedSince = ""
  var sunset = ""
  var linkStreams = true
  var waitLimit = Duration.seconds(300)
  /// Zero: as the queue has it.
  var timeout = Duration.zero
  var synchronous = Synchrony.auto

  /// As the system is, where nothing is said of it.
  init(_ api: LegacyAPI) { prefix = api.prefix }

  static let settings: [Setting<Self>] = [
    Setting("enabled", \.enabled),
    Setting("port", \.port, in: 0...65_535),
    Setting("prefix", \.prefix, wanted: "a path like \"/old\", or \"\"") { isPrefix($0) },
    Setting("user", \.user, wanted: "a user's name of at most 200 bytes, or \"\"") { $0.utf8.count <= 200 },
    Setting("scopes", \.scopes, wanted: "a list of \(Scope.allCases.map(\.rawValue).joined(separator: ", "))") {
      $0.allSatisfy { Scope(rawValue: $0) != nil }
    },
    Setting("deprecated_since", \.deprecatedSince, wanted: dateWanted) { $0.isEmpty || date($0) != nil },
    Setting("sunset", \.sunset, wanted: dateWanted) { $0.isEmpty || date($0) != nil },
    Setting("link_streams", \.linkStreams),
    Setting(positive: "wait_limit", \.waitLimit),
    Setting("timeout", \.timeout),
    Setting("synchronous", \.synchronous),
  ]

  /// Of a system that always has a queue.
  static let settingsOfQueues = settings.filter { $0.name != "synchronous" }

  private static let dateWanted = "a day like \"2026-12-31\", or \"\""

  private static func isPrefix(_ text: String) -> Bool {
    text.isEmpty
      || (text.hasPrefix("/") && !text.hasSuffix("/") && !text.contains("//")
        && text.utf8.allSatisfy {
          ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || "/-_.".utf8.contains($0)
        })
  }

  /// The beginning of a day, UTC.
  static func date(_ text: String) -> Date? {
    guard text.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil else { return nil }
    return try? Date(text, strategy: .iso8601.year().month().day())
  }

  /// The system in its place.
  func mount(_ api: LegacyAPI, over broker: BrokerConfiguration) -> LegacyMount {
    var caller: Identity?
    if !user.isEmpty {
      caller = Identity(user: user, permissions: Permissions(words: scopes), expiresAt: .distantFuture)
    }
    return LegacyMount(
      api, listener: port == 0 ? nil : api.name, prefix: prefix, caller: caller,
      deprecatedSince: Self.date(deprecatedSince), sunset: Self.date(sunset), linksStreams: linkStreams,
      waitLimit: waitLimit, timeout: timeout > .zero ? timeout : nil,
      isSynchronous: api.hasSynchronousMode
        && (synchronous == .always || (synchronous == .auto && broker.isEmbedded)))
  }
}

extension Configuration {
  /// A table for each older system.
  static let legacyTables = LegacyAPI.all.map { api in
    ConfigurationTable(
      "compatibility.\(api.name)", \.[legacy: api.name],
      api.hasSynchronousMode ? CompatibilityConfiguration.settings : CompatibilityConfiguration.settingsOfQueues)
  }

  /// What is configured of an older system.
  subscript(legacy name: String) -> CompatibilityConfiguration {
    get {
      guard let api = LegacyAPI.all.first(where: { $0.name == name }) else {
        preconditionFailure("there is no older system \(name)")
      }
      return compatibility[name] ?? CompatibilityConfiguration(api)
    }
    set { compatibility[name] = newValue == CompatibilityConfiguration(named: name) ? nil : newValue }
  }

  /// The older systems whose callers are served.
  var legacyAPIs: [LegacyAPI] { LegacyAPI.all.filter { self[legacy: $0.name].enabled } }

  /// The same, each in its place.
  var legacyMounts: [LegacyMount] { legacyAPIs.map { self[legacy: $0.name].mount($0, over: broker) } }

  /// The queues that jobs are taken from: those of older systems first, where they are not named.
  ///
  /// One whose jobs are of a kind that is not run here is left to others: each job would be taken and given back, and
  /// would wait for that.
  var servedQueues: [String] {
    let kinds = Set(workers.builtInKinds + workers.commands.map(\.name))
    let legacy = legacyAPIs.flatMap(\.queues).filter { kinds.contains($0.kind.description) }.map(\.name.description)
      .filter { !workers.queues.contains($0) }
    return legacy + workers.served.filter { !legacy.contains($0) }
  }

  /// What is wrong between older systems, and between them and the gateway.
  var legacyContradictions: [ConfigurationFault] {
    var faults: [ConfigurationFault] = []
    var addresses: [String: String] = [:]
    for api in legacyAPIs {
      let section = self[legacy: api.name]
      let key = "compatibility.\(api.name)"
      if !section.user.isEmpty, !gateway.isLoopback, section.port == 0 || section.scopes.contains("admin") {
        faults.append(
          ConfigurationFault(
            key: "\(key).user", found: "a user for callers without a token",
            wanted:
              "\"\", because gateway.host \"\(gateway.host)\" lets the world in: give the system a port of its own "
              + "that only its callers reach, and no scope admin"))
      }
      for route in api.routes {
        let address = "\(section.port) \(route.method.rawValue) \(section.prefix)\(route.path)"
        if let other = addresses.updateValue(key, forKey: address) {
          faults.append(
            ConfigurationFault(
              key: "\(key).prefix", found: "\"\(section.prefix)\", where \(other) answers too",
              wanted: "another prefix or port"))
          break
        }
      }
    }
    return faults
  }
}

extension CompatibilityConfiguration {
  fileprivate init?(named name: String) {
    guard let api = LegacyAPI.all.first(where: { $0.name == name }) else { return nil }
    self.init(api)
  }
}

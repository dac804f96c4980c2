import Gateway
import Jobs

/// `[jobs]`: what submissions may ask for.
struct JobsConfiguration: ConfigurationSection {
  var reusableKinds: [String] = []

  static let settings: [Setting<Self>] = [
    Setting("reusable_kinds", \.reusableKinds, wanted: "a list of kinds, like [\"transcribe\"]") {
      $0.allSatisfy { JobKind($0) != nil }
    }
  ]
}

/// `[health]`: when what is seen of queues is a cause for alarm.
struct HealthConfiguration: ConfigurationSection {
  var backlog = 100
  /// Percent.
  var errorRate = 10
  var errorWindow = Duration.seconds(900)
  var paused = Duration.seconds(3600)
  var idle = Duration.seconds(1800)
  var interruptions = 2
  var interruptionWindow = Duration.seconds(3600)
  var feed = Duration.seconds(300)

  static let settings: [Setting<Self>] = [
    Setting("backlog", \.backlog, in: 0...1_000_000_000),
    Setting("error_rate", \.errorRate, in: 0...100),
    Setting("error_window", \.errorWindow, wanted: "a duration from \"1m\" to \"1d\"") {
      (.seconds(60) ... .seconds(86_400)).contains($0)
    },
    Setting(positive: "paused", \.paused),
    Setting(positive: "idle", \.idle),
    Setting("interruptions", \.interruptions, in: 0...100),
    Setting("interruption_window", \.interruptionWindow, wanted: "a duration from \"1m\" to \"1d\"") {
      (.seconds(60) ... .seconds(86_400)).contains($0)
    },
    Setting(positive: "feed", \.feed),
  ]
}

extension HealthRules {
  init(_ configuration: HealthConfiguration) {
    self.init()
    backlog = configuration.backlog
    errorRate = Double(configuration.errorRate) / 100
    errorWindow = configuration.errorWindow
    paused = configuration.paused
    idle = configuration.idle
    interruptions = configuration.interruptions
    interruptionWindow = configuration.interruptionWindow
    feed = configuration.feed
  }
}

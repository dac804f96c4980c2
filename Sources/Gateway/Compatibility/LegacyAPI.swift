package import Jobs

/// An older system's HTTP interface, as a table: its addresses, and how it puts its answers.
///
/// One file a system, which holds all that is known of it; deleting the file and its name in ``all`` ends it.
package struct LegacyAPI: Sendable {
  /// In the configuration: `[compatibility.<name>]`.
  package var name: String
  /// The port that its callers know.
  package var port: Int
  /// What all its addresses begin with.
  package var prefix: String
  package var dialect: LegacyDialect
  /// The queues that its jobs go to, the kind of these jobs, and the settings that the queues have unless somebody sets
  /// others.
  package var queues: [(name: QueueName, kind: JobKind, settings: QueueSettings)]
  /// The names of the environment that its operators know.
  package var variables: [LegacyVariable]
  /// Whether its submissions wait for the end where there is no queue.
  package var hasSynchronousMode: Bool
  /// What its services say when they start, in its operators' words: with the address of Redis, where there is one.
  package var greeting: @Sendable (_ redis: String?, _ isSynchronous: Bool, _ address: String) -> [String]
  package var workerGreeting: @Sendable (_ redis: String) -> [String]
  package var routes: [LegacyRoute]

  package init(
    name: String, port: Int, prefix: String = "", dialect: LegacyDialect,
    queues: [(name: QueueName, kind: JobKind, settings: QueueSettings)], variables: [LegacyVariable] = [],
    hasSynchronousMode: Bool = false,
    greeting: @escaping @Sendable (_ redis: String?, _ isSynchronous: Bool, _ address: String) -> [String] = {
      _, _, _ in []
    },
    workerGreeting: @escaping @Sendable (_ redis: String) -> [String] = { _ in [] },
    @LegacyTable routes: () -> [LegacyRoute]
  ) {
    self.name = name
    self.port = port
    self.prefix = prefix
    self.dialect = dialect
    self.queues = queues
    self.variables = variables
    self.hasSynchronousMode = hasSynchronousMode
    self.greeting = greeting
    self.workerGreeting = workerGreeting
    self.routes = routes()
  }

  /// Every older system that can be mounted.
  package static let all: [LegacyAPI] = [.demucs, .videoGenerator, .ffmpegAPI, .transcription, .clipForge]
}

/// The addresses of a table, one a line.
@resultBuilder
package enum LegacyTable {
  package static func buildBlock(_ routes: LegacyRoute...) -> [LegacyRoute] { routes }
}

/// Settings of a queue, as a sentence.
extension QueueSettings {
  static func legacy(_ change: (inout QueueSettings) -> Void) -> QueueSettings {
    var settings = QueueSettings()
    change(&settings)
    return settings
  }
}

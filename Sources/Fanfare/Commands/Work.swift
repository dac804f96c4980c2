import ArgumentParser
import Foundation

/// `fanfare work`: workers alone, on a broker that they share with gateways.
struct Work: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run workers alone; needs a Redis broker.",
    discussion: """
      Ends on SIGTERM or Ctrl-C: running jobs are finished or given back. A second signal ends it \
      at once.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .shortAndLong, help: "How many jobs run at once (workers.embedded).")
  var slots: String?

  @Option(
    name: .shortAndLong,
    help: "The queues, parted by commas, most important first (workers.queues).")
  var queues: String?

  func run() async throws {
    let configuration = try options.load(
      flags: ConfigurationOptions.overrides([
        ("workers.embedded", slots, "--slots"), ("workers.queues", queues, "--queues"),
      ]))
    guard !configuration.broker.isEmbedded else {
      throw CommandFailure(
        description: """
          broker.url: found "embedded", which only fanfare serve can work on; \
          wanted redis://host:port
          """)
    }
    try await Bootstrap(configuration, environment: ProcessInfo.processInfo.environment).work()
  }
}

import ArgumentParser
import Foundation

/// `fanfare serve`: the gateway, with workers in it.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the gateway, with workers in the same process.",
    discussion: """
      Ends on SIGTERM or Ctrl-C: readiness fails first, running jobs are finished or given back, \
      sockets are asked away. A second signal ends it at once.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "The address to listen on (gateway.host).")
  var host: String?

  @Option(name: .shortAndLong, help: "The port to listen on; 0 takes a free one (gateway.port).")
  var port: String?

  @Option(name: .long, help: "How many jobs run at once in this process (workers.embedded).")
  var workers: String?

  func run() async throws {
    let configuration = try options.load(
      flags: ConfigurationOptions.overrides([
        ("gateway.host", host, "--host"), ("gateway.port", port, "--port"),
        ("workers.embedded", workers, "--workers"),
      ]))
    try await Bootstrap(configuration, environment: ProcessInfo.processInfo.environment).serve()
  }
}

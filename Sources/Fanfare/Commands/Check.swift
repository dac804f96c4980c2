import ArgumentParser
import Foundation
import Workers

/// `fanfare check`: whether the configuration is sound.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration: every fault with key, found and wanted.",
    discussion: "Ends with 0 if it is sound, with 1 if not.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Print the configuration in force, secrets masked.")
  var print = false

  func run() throws {
    let environment = ProcessInfo.processInfo.environment
    let configuration = try options.load()
    // The keys are read too: a key file that is missing or unfit would only show at start.
    _ = try KeyStore(configuration, environment: environment).configuredKeys()
    // And so are the programs looked for that its workers could not do without.
    _ = try WorkerRegistry(configuration)
    if print {
      Terminal.say(configuration.listing)
    } else {
      let file = options.config ?? ConfigurationFile.location(environment: environment)
      Terminal.say("The configuration is sound: \(file ?? "no file, the defaults").")
    }
  }
}

import ArgumentParser
import Foundation

/// `fanfare reload`: a running gateway takes up what was changed, and refuses nobody meanwhile.
struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let a running `fanfare serve` take up a new binary, configuration and keys.",
    discussion: """
      With several processes (gateway.processes) each is replaced by a new one, one after the other, and those that \
      go ask their sockets away; the command ends when the last has gone. A single process reads its keys anew. \
      Ends with 0 when it is done, with 1 if it failed, with 2 if no gateway runs with the folder.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(name: .long, help: "Which one, where several gateways share the folder.")
  var pid: Int32?

  func run() throws {
    let folder = StateFolder(try options.load(), environment: ProcessInfo.processInfo.environment)
    Terminal.say(try ControlCall(in: folder, process: pid).reload(say: Terminal.note))
  }
}

import ArgumentParser
import Jobs

/// `fanfare workers`: looks at workers, and tells them what to be.
struct WorkersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workers", abstract: "List workers; quiet, resume, stop and start them.",
    subcommands: [List.self, Quiet.self, Resume.self, Stop.self, Start.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List workers.")
    @OptionGroup var options: OperatorOptions

    func run() throws {
      try options.ask("GET", "/v1/workers") { Listing.workers($0).say(or: "Nobody works.") }
    }
  }

  struct Quiet: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let workers take no more jobs; what runs goes on.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The workers' ids.") var workers: [String]

    func run() throws { try options.direct(workers, "quiet") }
  }

  struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let quiet or stopped workers take jobs again.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The workers' ids.") var workers: [String]

    func run() throws { try options.direct(workers, "resume") }
  }

  struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End workers: what runs is finished in time, or given back.",
      discussion: """
        A process of fanfare work ends, and only its supervisor can start another. A gateway goes on \
        without its workers, which stay listed as stopped until fanfare workers start.
        """)
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The workers' ids.") var workers: [String]

    func run() throws { try options.direct(workers, "stop") }
  }

  struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start a gateway's workers that were stopped.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The workers' ids.") var workers: [String]

    func run() throws { try options.direct(workers, "start") }
  }
}

extension OperatorOptions {
  fileprivate func direct(_ workers: [String], _ verb: String) throws {
    for worker in workers {
      try ask("POST", GatewayAPI.path("workers", worker, verb)) { worker in
        let wanted = worker["wanted"].flatMap(\.string) ?? Listing.text(worker, "mode")
        Terminal.say("\(Listing.text(worker, "id"))  is to be \(wanted)")
      }
    }
  }
}

import ArgumentParser
import Foundation
import Jobs

/// `fanfare jobs`: looks at jobs, and does something to them.
struct JobsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs", abstract: "List jobs, see why they wait and who watches, cancel, retry, move, remove them.",
    subcommands: [
      List.self, Show.self, Why.self, Log.self, Watchers.self, Cancel.self, Retry.self, Redrive.self,
      Promote.self, Reprioritise.self, Remove.self, Bulk.self,
    ], defaultSubcommand: List.self)

  /// Which jobs are meant.
  struct Filter: ParsableArguments {
    @Option(name: .long, help: "Only in this state; may be repeated.")
    var state: [String] = []

    @Option(name: .long, help: "Only of this queue.")
    var queue: String?

    @Option(name: .long, help: "Only of this kind.")
    var kind: String?

    @Option(name: .long, help: "Of this user; * for everybody's. Else one's own.")
    var user: String?

    @Option(name: .long, help: "Submitted since: how long ago, like 2h, or a moment.")
    var since: String?

    @Option(name: .long, help: "Submitted before.")
    var until: String?

    @Option(name: .long, help: "Ended before: how long ago, like 24h, or a moment.")
    var endedBefore: String?

    func query() throws -> [(String, String?)] {
      [
        ("state", state.isEmpty ? nil : state.joined(separator: ",")), ("queue", queue),
        ("kind", kind), ("user", user), ("since", try Written.moment(since, "--since")),
        ("until", try Written.moment(until, "--until")),
        ("ended_before", try Written.moment(endedBefore, "--ended-before")),
      ]
    }

    func document() throws -> JSONText {
      var writer = JSONWriter()
      let (since, until, endedBefore) = (
        try Written.moment(since, "--since"), try Written.moment(until, "--until"),
        try Written.moment(endedBefore, "--ended-before")
      )
      writer.object { filter in
        if !state.isEmpty {
          filter.array("state") { list in for state in state { list.element(state) } }
        }
        filter.member("queue", queue)
        filter.member("kind", kind)
        filter.member("user", user)
        filter.member("since", since.flatMap { Int64($0) })
        filter.member("until", until.flatMap { Int64($0) })
        filter.member("ended_before", endedBefore.flatMap { Int64($0) })
      }
      return writer.text
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jobs, the newest first.")
    @OptionGroup var options: OperatorOptions
    @OptionGroup var filter: Filter

    @Option(name: .long, help: "How many, up to 200.")
    var limit = 20

    @Option(name: .long, help: "Where to go on, as the page before says.")
    var cursor: String?

    func run() throws {
      let query = try filter.query() + [("limit", "\(limit)"), ("cursor", cursor)]
      try options.ask("GET", "/v1/jobs", query: query) { page in
        Listing.jobs(page).say(or: "There are no such jobs.")
        if let cursor = page["cursor"]?.string {
          Terminal.note("There are more: --cursor \(cursor.shellQuoted)")
        }
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything about a job.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The job's id.") var job: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("jobs", job)) { job in
        Listing.sayMembers(of: job)
        if let payload = job["payload"] { Terminal.say("payload  \(payload.text)") }
      }
    }
  }

  struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say why a job does not run.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The job's id.") var job: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("jobs", job, "why")) { answer in
        for reason in answer["reasons"]?.array ?? [] {
          var line = Listing.text(reason, "message")
          if let until = reason["until"]?.int {
            let left = Double(until) / 1000 - Date().timeIntervalSince1970
            line += left > 0 ? " In \(Duration.seconds(left).shortText)." : " Now."
          }
          Terminal.say(line)
        }
      }
    }
  }

  struct Log: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what a job's worker logged: its newest 200 lines.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The job's id.") var job: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("jobs", job, "log")) { answer in
        for line in answer["lines"]?.array ?? [] { Terminal.say(line.string ?? "") }
      }
    }
  }

  struct Watchers: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say how many watch a job, over all gateways, and what they got.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The job's id.") var job: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("jobs", job, "watchers")) { census in
        Listing.sayMembers(of: census)
        if let missing = census["missing"]?.int {
          Terminal.note("Without those of \(missing) \(missing == 1 ? "gateway" : "gateways"), silent for 500 ms.")
        }
      }
    }
  }

  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Cancel jobs.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The jobs' ids.") var jobs: [String]
    @Option(name: .long, help: "Why, for whoever watches.") var reason: String?
    @Flag(name: .long, help: "Kill at once, without asking the program to end first.")
    var force = false

    func run() throws {
      try options.control(jobs, "cancel") {
        $0.member("reason", reason)
        $0.fact("force", force)
      }
    }
  }

  struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run ended jobs again.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The jobs' ids.") var jobs: [String]
    @Option(name: .long, help: "Not before this long, like 10m.") var delay: String?

    func run() throws {
      let delay = try Written.seconds(delay, "--delay")
      try options.control(jobs, "retry") { $0.member("delay", number: delay) }
    }
  }

  struct Redrive: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move jobs to another queue; ended ones run again there.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The jobs' ids.") var jobs: [String]
    @Option(name: .long, help: "The queue they go to.") var to: String

    func run() throws { try options.control(jobs, "redrive") { $0.member("queue", to) } }
  }

  struct Promote: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Queue jobs now that wait for their time, or for their next attempt.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The jobs' ids.") var jobs: [String]

    func run() throws { try options.control(jobs, "promote") { _ in } }
  }

  struct Reprioritise: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change how urgent jobs are.", aliases: ["priority"])
    @OptionGroup var options: OperatorOptions
    @Argument(help: "1 to 10, 10 most urgent.") var priority: Int
    @Argument(help: "The jobs' ids.") var jobs: [String]

    func run() throws {
      try options.control(jobs, "reprioritise") { $0.member("priority", priority) }
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget jobs and all that is kept of them; those that run are cancelled.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The jobs' ids.") var jobs: [String]

    func run() throws {
      for job in jobs {
        try options.ask("DELETE", GatewayAPI.path("jobs", job)) { answer in
          let isGone = answer["removed"]?.bool == true
          Terminal.say("\(job)  \(isGone ? "removed" : "is stopped, and removed when it has ended")")
        }
      }
    }
  }
}

extension OperatorOptions {
  /// One verb on each of some jobs; shows what state each is then in.
  fileprivate func control(
    _ jobs: [String], _ verb: String, _ members: (inout JSONWriter) -> Void
  ) throws {
    var writer = JSONWriter()
    writer.object(members)
    for job in jobs {
      try ask("POST", GatewayAPI.path("jobs", job, verb), body: writer.text) { job in
        let state = job["cancelling"]?.bool == true ? "cancelling" : Listing.text(job, "state")
        Terminal.say(
          "\(Listing.text(job, "id"))  \(state)  queue \(Listing.text(job, "queue"))  priority "
            + Listing.text(job, "priority"))
      }
    }
  }
}

import ArgumentParser
import Foundation
import Jobs

/// `fanfare schedules`: looks at jobs that recur, and sets them.
struct SchedulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedules", abstract: "List, set, run, enable, disable and remove jobs that recur.",
    subcommands: [
      List.self, Show.self, Set.self, Run.self, Enable.self, Disable.self, Remove.self,
    ], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List schedules.")
    @OptionGroup var options: OperatorOptions

    func run() throws {
      try options.ask("GET", "/v1/schedules") {
        Listing.schedules($0).say(or: "There are no schedules.")
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything about a schedule.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The schedule's name.") var schedule: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("schedules", schedule)) { schedule in
        Listing.sayMembers(of: schedule)
        if let payload = schedule["payload"] { Terminal.say("payload  \(payload.text)") }
      }
    }
  }

  struct Set: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a schedule, or put another in its place.",
      usage: "fanfare schedules set <schedule> <cron> <kind> [<options>]",
      discussion: """
        The five fields of cron in one word, like "0 3 * * mon-fri", or @hourly, @daily, @weekly, @monthly, \
        @yearly. A moment that passed while no gateway and no worker ran is made up for once.
        """)
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The schedule's name.") var schedule: String
    @Argument(help: "When: minute hour day month weekday.") var cron: String
    @Argument(help: "What is to be done, as in fanfare submit.") var kind: String

    @Option(name: .long, help: "The time zone that is meant, like Europe/Berlin; else UTC.")
    var timeZone: String?

    @Option(name: .long, help: "The payload, a JSON object; @name reads it from a file.")
    var payload: String?

    @Option(name: .long, help: "The queue, if not default.") var queue: String?
    @Option(name: .long, help: "1 to 10, 10 most urgent.") var priority: Int?
    @Option(name: .long, help: "How often a worker may try, the first time included.")
    var maxAttempts: Int?
    @Option(name: .long, help: "How long one attempt may take, like 10m.") var timeout: String?
    @Option(name: .long, help: "No second job while one with this key has not ended.")
    var uniqueKey: String?
    @Option(name: .long, help: "Whose jobs they are, if not one's own.") var user: String?
    @Flag(name: .long, help: "Keep it, and let it not fire yet.") var disabled = false

    func run() throws {
      let payload = try Written.payload(payload)
      let timeout = try Written.seconds(timeout, "--timeout")
      var writer = JSONWriter()
      writer.object {
        $0.member("cron", cron)
        $0.member("time_zone", timeZone)
        $0.member("kind", kind)
        $0.member("payload", payload)
        $0.member("queue", queue)
        $0.member("priority", priority)
        $0.member("max_attempts", maxAttempts)
        $0.member("timeout", number: timeout)
        $0.member("unique_key", uniqueKey)
        $0.member("user", user)
        $0.member("enabled", !disabled)
      }
      try options.ask("PUT", GatewayAPI.path("schedules", schedule), body: writer.text) {
        Terminal.say(Listing.scheduleLine($0))
      }
    }
  }

  struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Submit a schedule's job now; when it fires next stays as it was.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The schedule's name.") var schedule: String

    func run() throws {
      try options.ask("POST", GatewayAPI.path("schedules", schedule, "run")) { answer in
        Terminal.say(answer["job"].map { Listing.text($0, "id") } ?? "-")
      }
    }
  }

  struct Enable: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let schedules fire again, from the next moment on.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The schedules' names.") var schedules: [String]

    func run() throws { try options.change(schedules, "enable") }
  }

  struct Disable: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let schedules not fire; they are kept.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The schedules' names.") var schedules: [String]

    func run() throws { try options.change(schedules, "disable") }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget schedules; jobs that they submitted stay.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The schedules' names.") var schedules: [String]

    func run() throws {
      for schedule in schedules {
        try options.ask("DELETE", GatewayAPI.path("schedules", schedule)) { _ in
          Terminal.say("\(schedule) removed")
        }
      }
    }
  }
}

extension OperatorOptions {
  fileprivate func change(_ schedules: [String], _ verb: String) throws {
    for schedule in schedules {
      try ask("POST", GatewayAPI.path("schedules", schedule, verb)) {
        Terminal.say(Listing.scheduleLine($0))
      }
    }
  }
}

extension Listing {
  static func schedules(_ answer: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("SCHEDULE", "CRON", "ZONE", "QUEUE", "KIND", "NEXT", "LAST JOB")
    for schedule in answer["schedules"]?.array ?? [] {
      table.add([
        text(schedule, "name"), text(schedule, "cron"), text(schedule, "time_zone"),
        text(schedule, "queue"), text(schedule, "kind"), next(schedule), text(schedule, "last_job"),
      ])
    }
    return table
  }

  static func scheduleLine(_ schedule: JSONValue) -> String {
    "\(text(schedule, "name"))  next \(next(schedule))"
  }

  private static func next(_ schedule: JSONValue) -> String {
    if schedule["enabled"]?.bool == false { return "disabled" }
    guard let time = schedule["next_at"]?.int else { return "never" }
    return Date(timeIntervalSince1970: Double(time) / 1000).formatted(.iso8601)
  }
}

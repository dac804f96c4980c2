import ArgumentParser
import Foundation
import Jobs

/// `fanfare groups`: jobs that belong together.
struct GroupsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "groups", abstract: "Make groups of jobs, close them, watch them as one.",
    subcommands: [Create.self, Close.self, Show.self, Watch.self, Jobs.self])

  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a group; jobs join it with fanfare submit --group.",
      discussion: "Prints the group's id.")
    @OptionGroup var options: OperatorOptions
    @Option(name: .long, help: "A line for people.") var name: String?

    @Option(name: .long, help: "The kind of a job that follows when all have ended.")
    var callback: String?

    @Option(name: .long, help: "Its payload, a JSON object; @name reads it from a file.")
    var callbackPayload: String?

    @Option(name: .long, help: "Its queue, if not default.") var callbackQueue: String?

    func run() throws {
      if callback == nil, callbackPayload != nil || callbackQueue != nil {
        throw CommandFailure(description: "which kind of job follows? Say it with --callback")
      }
      let payload = try Written.payload(callbackPayload)
      var writer = JSONWriter()
      writer.object {
        $0.member("name", name)
        if let callback {
          $0.object("callback") {
            $0.member("kind", callback)
            $0.member("payload", payload)
            $0.member("queue", callbackQueue)
          }
        }
      }
      try options.ask("POST", "/v1/groups", body: writer.text) { answer in
        Terminal.say(answer["group"].map { Listing.text($0, "id") } ?? "-")
      }
    }
  }

  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let no more jobs into groups: they finish when all theirs have ended.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The groups' ids.") var groups: [String]

    func run() throws {
      for group in groups {
        try options.ask("POST", GatewayAPI.path("groups", group, "close")) { answer in
          var group = WatchedGroup(id: group)
          group.merge(answer)
          Terminal.say("\(group.id)  \(group.line)")
        }
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything about a group.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The group's id.") var group: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("groups", group)) { group in
        Listing.sayMembers(of: group)
      }
    }
  }

  struct Jobs: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the jobs of a group, in the order of their acceptance.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The group's id.") var group: String

    @Option(name: .long, help: "How many, up to 200.")
    var limit = 50

    @Option(name: .long, help: "Where to go on, as the page before says.")
    var cursor: String?

    func run() throws {
      let query = [("limit", "\(limit)"), ("cursor", cursor)]
      try options.ask("GET", GatewayAPI.path("groups", group, "jobs"), query: query) { page in
        Listing.jobs(page).say(or: "It has no jobs on record.")
        if let cursor = page["cursor"]?.string {
          Terminal.note("There are more: --cursor \(cursor.shellQuoted)")
        }
      }
    }
  }

  struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Watch a group until it is finished.",
      discussion: """
        A progress bar in a terminal, lines in a pipe. Ends with 0 if all its jobs completed, 1 if one \
        failed, 3 if none failed and one was cancelled.
        """)
    @OptionGroup var client: ClientOptions
    @OptionGroup var watching: WatchOptions
    @Flag(name: .long, help: "Print the gateway's events, a JSON object a line.") var json = false
    @Argument(help: "The group's id.") var group: String

    func run() throws {
      let server = try client.server()
      guard GroupID(group) != nil else {
        throw CommandFailure(description: "found \"\(group)\"; wanted a group's id, 36 characters")
      }
      var told: String?
      let display = RecordDisplay<WatchedGroup>(
        terminal: Terminal(), json: json, bar: { ProgressBar.line(for: $0, width: $1) },
        line: { group in
          let line = ProgressBar.line(for: group, width: 0)
          guard line != told else { return nil }
          told = line
          return "\(group.id)  \(line)"
        })
      let ended = try RecordWatch.show(
        WatchedGroup(id: group), on: display, at: server, token: try client.bearer(for: server),
        patience: try watching.duration(), again: client.commandLine("groups watch \(group)"))
      throw ExitCode(ended.exitStatus.rawValue)
    }
  }
}

extension ProgressBar {
  /// A group on one line: a bar where there is room for one, then the numbers.
  static func line(for group: WatchedGroup, width: Int) -> String {
    guard let percent = group.percent else { return group.line }
    let rest = "\(Int(percent))%  \(group.line)"
    let room = width - rest.count - 2
    return room >= 10 ? "\(bar(percent, width: min(room, 40)))  \(rest)" : rest
  }
}

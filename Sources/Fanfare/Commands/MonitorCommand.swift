import ArgumentParser
import Foundation
import Jobs

/// `fanfare monitor`: what the monitor of the transcription queue (S4) did, in its words.
struct MonitorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor", abstract: "Look after tasks in the words of queue_monitor.py.",
    discussion: """
      Asks a gateway's own interface: --url, else QUEUE_SERVICE_URL, else as the other commands do, which say more \
      (fanfare jobs, queues, workers, backup). Everybody's tasks are meant, so that the token has to allow admin.
      """,
    subcommands: [
      Stats.self, List.self, Show.self, Cancel.self, Retry.self, Clear.self, Backup.self, Watch.self,
    ])

  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show statistics.")
    @OptionGroup var options: MonitorOptions

    func run() throws {
      try options.ask("GET", "/v1/stats", query: [("minutes", "60")]) { answer in
        for line in TaskStatistics(answer).lines { Terminal.say(line) }
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List tasks, the newest first.")
    @OptionGroup var options: MonitorOptions

    @Option(name: .long, help: "How many, up to 200.")
    var limit = 20

    @Option(name: .long, help: "Only these: queued, processing, completed, failed or cancelled.")
    var status: TaskStatus?

    func run() throws {
      try options.ask("GET", "/v1/jobs", query: Self.query(limit: limit, status)) { page in
        TaskListing.tasks(page).say(or: "There are no such tasks.")
      }
    }

    static func query(limit: Int, _ status: TaskStatus?) -> [(String, String?)] {
      [("user", "*"), ("limit", "\(limit)"), ("state", status?.states)]
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a task's details.")
    @OptionGroup var options: MonitorOptions
    @Argument(help: "The task's id.") var task: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("jobs", task)) { task in
        Terminal.say("status  \(TaskStatus(of: task))")
        Listing.sayMembers(of: task)
        if let payload = task["payload"] { Terminal.say("payload  \(payload.text)") }
      }
    }
  }

  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Cancel a task.")
    @OptionGroup var options: MonitorOptions
    @Argument(help: "The task's id.") var task: String

    func run() throws {
      try options.ask("POST", GatewayAPI.path("jobs", task, "cancel"), body: .emptyObject) { task in
        let isGoing = task["cancelling"]?.bool == true
        Terminal.say(
          "Task \(Listing.text(task, "id")) \(isGoing ? "is being cancelled" : "is \(TaskStatus(of: task))")")
      }
    }
  }

  struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run an ended task again.")
    @OptionGroup var options: MonitorOptions
    @Argument(help: "The task's id.") var task: String

    func run() throws {
      try options.ask("POST", GatewayAPI.path("jobs", task, "retry"), body: .emptyObject) { task in
        Terminal.say("Task \(Listing.text(task, "id")) is \(TaskStatus(of: task))")
      }
    }
  }

  struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove tasks that ended some time ago.",
      discussion: "Of the kinds transcription and risk_detection: what ended of other kinds stays.")
    @OptionGroup var options: MonitorOptions

    @Option(name: .long, help: "How many hours ago, at least.")
    var hours = 24.0

    func run() throws {
      guard hours.isFinite, (0...876_000).contains(hours) else {
        throw CommandFailure(description: "--hours: found \(hours); wanted 0 or more")
      }
      let before = Int64((Date().timeIntervalSince1970 - hours * 3600) * 1000)
      let api = try options.api()
      var removed = 0
      for kind in TaskListing.kinds { removed += try clear(kind, endedBefore: before, api) }
      if !options.json { Terminal.say("Cleared \(removed) \(removed == 1 ? "task" : "tasks")") }
    }

    /// Answers how many there were.
    private func clear(_ kind: String, endedBefore before: Int64, _ api: GatewayAPI) throws -> Int {
      var (removed, cursor) = (0, String?.none)
      repeat {
        var writer = JSONWriter()
        writer.object {
          $0.member("action", "remove")
          $0.object("filter") { filter in
            filter.member("user", "*")
            filter.member("kind", kind)
            filter.array("state") { for state in ["completed", "failed", "cancelled"] { $0.element(state) } }
            filter.member("ended_before", before)
          }
          $0.member("limit", 200)
          $0.member("cursor", cursor)
        }
        let page = try api.askPatiently("POST", "/v1/jobs/bulk", body: writer.text)
        if options.json { Terminal.say("\(page.text)") }
        removed += page["done"]?.array?.count ?? 0
        cursor = page["cursor"]?.string
      } while cursor != nil
      return removed
    }
  }

  struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let the gateway write a backup now.")
    @OptionGroup var options: MonitorOptions

    func run() throws {
      try options.ask("POST", "/v1/backups") { backup in
        Terminal.say("Backup \(Listing.text(backup, "name")): \(Listing.text(backup, "jobs")) tasks")
      }
    }
  }

  struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Watch statistics and the newest tasks, until Ctrl-C.",
      discussion:
        "Drawn anew in a terminal, a line each time in a pipe. Waits longer where the budget of requests is spent.")
    @OptionGroup var options: MonitorOptions

    @Option(name: .long, help: "In seconds.")
    var interval = 5.0

    func run() throws {
      guard interval.isFinite, (0.1...86_400).contains(interval) else {
        throw CommandFailure(description: "--interval: found \(interval); wanted 0.1 to 86400 seconds")
      }
      let watch = TaskWatch(
        api: try options.api(), terminal: Terminal(), json: options.json, interval: .seconds(interval))
      try watch.run()
    }
  }
}

/// Where the monitor asks.
struct MonitorOptions: ParsableArguments {
  @OptionGroup var client: ClientOptions

  @Flag(name: .long, help: "Print the gateway's JSON.")
  var json = false

  /// As S4's monitor finds it, then as the other commands do.
  func api() throws -> GatewayAPI {
    var client = client
    if client.url == nil, let url = ProcessInfo.processInfo.environment["QUEUE_SERVICE_URL"], !url.isEmpty {
      client.url = url
    }
    return try client.api()
  }

  func ask(
    _ method: String, _ path: String, query: [(String, String?)] = [], body: JSONText? = nil,
    show: (JSONValue) -> Void
  ) throws {
    let answer = try api().ask(method, path, query: query, body: body)
    if json { Terminal.say("\(answer.text)") } else { show(answer) }
  }
}

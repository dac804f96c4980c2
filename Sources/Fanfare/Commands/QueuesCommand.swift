import ArgumentParser
import Foundation
import Jobs

/// `fanfare queues`: looks at queues, sets them, brings them to rest.
struct QueuesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queues", abstract: "List, set, pause, drain, clear and delete queues.",
    subcommands: [
      List.self, Show.self, Set.self, Pause.self, Resume.self, Drain.self, Clear.self, Delete.self,
      Stats.self,
    ], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List queues.")
    @OptionGroup var options: OperatorOptions

    func run() throws {
      try options.ask("GET", "/v1/queues") {
        Listing.queues($0).say(or: "There are no queues: one is there as soon as a job names it.")
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything about a queue.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queue's name.") var queue: String

    func run() throws {
      try options.ask("GET", GatewayAPI.path("queues", queue)) { queue in
        Listing.sayMembers(of: queue)
      }
    }
  }

  struct Set: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change a queue's settings, or make a queue.",
      usage: "fanfare queues set <queue> <key>=<value> …",
      discussion: """
        Keys: type, description, concurrency, user_window, max_waiting, order (fifo, lifo), ageing, \
        fair, defaults.max_attempts, defaults.timeout, defaults.start_within, \
        defaults.total_timeout, defaults.retry.growth|base|cap|jitter, \
        retention.completed|failed|cancelled.age|count. Durations like 10m, or seconds. null brings \
        back the default.
        """)
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queue's name.") var queue: String
    @Argument(help: "What is to be set.") var settings: [String]

    func run() throws {
      let change = try SettingsChange(settings).document
      let path = GatewayAPI.path("queues", queue)
      func show(_ queue: JSONValue) {
        guard let settings = queue["settings"] else { return }
        Listing.sayMembers(of: settings)
      }
      do {
        try options.ask("PATCH", path, body: change, show: show)
      } catch ClientError.problem(404, _, _) {
        // Nobody has named it yet.
        try options.ask("PUT", path, body: change, show: show)
      }
    }
  }

  struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let queues give out no jobs; they go on taking them.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queues' names.") var queues: [String]

    func run() throws { try options.change(queues, "pause") }
  }

  struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let queues take and give out jobs again.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queues' names.") var queues: [String]

    func run() throws { try options.change(queues, "resume") }
  }

  struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let queues take no more jobs; they are paused when what runs has ended.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queues' names.") var queues: [String]
    @Flag(name: .long, help: "Work off what waits, too.") var backlog = false

    func run() throws {
      try options.change(queues, "drain", [("mode", backlog ? "backlog" : "running")])
    }
  }

  struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove the jobs that wait in a queue, or those in other states.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queue's name.") var queue: String
    @Option(name: .long, help: "Remove those in this state; may be repeated.")
    var state: [String] = []

    func run() throws {
      let api = try options.client.api()
      let query: [(String, String?)] = [
        ("state", state.isEmpty ? nil : state.joined(separator: ","))
      ]
      var removed = 0
      var hasMore = true
      while hasMore {
        let answer = try api.ask("POST", GatewayAPI.path("queues", queue, "clear"), query: query)
        if options.json { Terminal.say("\(answer.text)") }
        removed += answer["removed"]?.int ?? 0
        hasMore = answer["more"]?.bool ?? false
      }
      if !options.json { Terminal.say("\(removed) jobs removed") }
    }
  }

  struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget a queue's settings and counts; it must have no unfinished jobs.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queue's name.") var queue: String

    func run() throws {
      try options.ask("DELETE", GatewayAPI.path("queues", queue)) { _ in
        Terminal.say("\(queue) deleted")
      }
    }
  }

  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a queue did lately; without a name, what all did.")
    @OptionGroup var options: OperatorOptions
    @Argument(help: "The queue's name.") var queue: String?
    @Option(name: .long, help: "How many minutes back, up to 1440.") var minutes = 60

    func run() throws {
      let path = queue.map { GatewayAPI.path("queues", $0, "stats") } ?? "/v1/stats"
      try options.ask("GET", path, query: [("minutes", "\(minutes)")]) { answer in
        Listing.sayMembers(of: answer)
      }
    }
  }
}

extension OperatorOptions {
  fileprivate func change(
    _ queues: [String], _ verb: String, _ query: [(String, String?)] = []
  ) throws {
    for queue in queues {
      try ask("POST", GatewayAPI.path("queues", queue, verb), query: query) { queue in
        Terminal.say(
          "\(Listing.text(queue, "name"))  \(Listing.text(queue, "mode"))  "
            + "\(Listing.text(queue, "waiting")) waiting, \(Listing.text(queue, "running")) running")
      }
    }
  }
}

/// `key=value` words as the document that changes a queue.
struct SettingsChange: Hashable {
  let document: JSONText

  private indirect enum Node: Hashable {
    case value(JSONText)
    case object([String: Node])
  }

  private static let durations = ["ageing", "age", "timeout", "start_within", "total_timeout", "base", "cap"]

  init(_ words: [String]) throws(CommandFailure) {
    var root: [String: Node] = [:]
    guard !words.isEmpty else { throw CommandFailure(description: "nothing is to be set") }
    for word in words {
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
        throw CommandFailure(description: "found \"\(word)\"; wanted key=value")
      }
      let keys = word[..<equals].split(separator: ".").map(String.init)
      let text = String(word[word.index(after: equals)...])
      Self.put(Self.value(text, for: keys.last ?? ""), at: keys[...], into: &root)
    }
    document = Self.text(of: .object(root))
  }

  private static func put(_ value: JSONText, at keys: ArraySlice<String>, into node: inout [String: Node]) {
    guard let key = keys.first else { return }
    guard keys.count > 1 else {
      node[key] = .value(value)
      return
    }
    var inner: [String: Node] = [:]
    if case .object(let members)? = node[key] { inner = members }
    put(value, at: keys.dropFirst(), into: &inner)
    node[key] = .object(inner)
  }

  /// What reads as JSON is taken so, a duration becomes seconds, and anything else is a text.
  private static func value(_ text: String, for key: String) -> JSONText {
    if durations.contains(key), Double(text) == nil, let duration = Duration(written: text) {
      return JSONText(unchecked: Array("\(duration / .seconds(1))".utf8))
    }
    if let value = try? JSONDocument(bytes: Array(text.utf8)).root {
      switch value.content {
      case .number, .bool, .null: return value.text
      case .string, .array, .object: break
      }
    }
    var writer = JSONWriter()
    writer.element(text)
    return writer.text
  }

  private static func text(of node: Node) -> JSONText {
    switch node {
    case .value(let text): return text
    case .object(let members):
      var writer = JSONWriter()
      writer.object { object in
        for (name, node) in members.sorted(by: { $0.key < $1.key }) {
          object.member(named: name, text(of: node))
        }
      }
      return writer.text
    }
  }
}

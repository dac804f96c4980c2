import ArgumentParser
import EventLoop
import Foundation
import Jobs
import Logging
import Redis

/// `fanfare import`: the waiting jobs of another system, moved into the broker.
struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Move the waiting jobs of RQ or Bull into the broker.",
    discussion: """
      Without --move it only says what it would do. With it each job is accepted here and then removed there; cut \
      off and run again it doubles nothing. Jobs that run there stay, and are told. Stop the other system's workers \
      first. An embedded broker is its gateway's while that runs: stop it, or use a Redis.

      Ends with 0 if nothing is left in the queues, 1 if something is.
      """,
    subcommands: [RQ.self, Bull.self])

  /// `fanfare import rq`
  struct RQ: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move jobs of RQ: waiting, scheduled and deferred ones.",
      discussion: """
        A job's kind is the last part of its function's name, its payload {"args":[…],"kwargs":{…}}. --map \
        app.tasks.render=ffmpeg gives it another kind, --map 'app.tasks.render(input,output)=ffmpeg' an object with \
        these names. Pickles are read as data: nothing of them is run, and a job with an object that is no plain \
        value stays.
        """)
    @OptionGroup var options: ImportOptions
    @Argument(help: "The queues' names; else all there are.") var queues: [String] = []

    @Flag(name: .long, help: "Move jobs with callbacks or webhooks too, without those.")
    var dropCallbacks = false

    func run() async throws {
      var rules = try options.rules()
      rules.dropsCallbacks = dropCallbacks
      try await options.run(queues, rules) { RQQueues($0) }
    }
  }

  /// `fanfare import bull`
  struct Bull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move jobs of Bull or BullMQ: waiting, paused, prioritized and delayed ones.",
      discussion: """
        A job's kind is its name; of ClipForge's queues (ingest, transcribe, vision, scoring, render, publish, \
        notification), and where it has none, the queue's. Its data is the payload. Bull's priority 1 becomes our 10.
        """)
    @OptionGroup var options: ImportOptions
    @Argument(help: "The queues' names; else all there are.") var queues: [String] = []

    @Option(name: .long, help: "What the names of Bull's keys begin with.")
    var prefix = "bull"

    func run() async throws {
      let prefix = prefix
      try await options.run(queues, options.rules()) { BullQueues($0, prefix: prefix) }
    }
  }
}

/// The options of both.
struct ImportOptions: ParsableArguments {
  @OptionGroup var configuration: ConfigurationOptions

  @Option(name: .long, help: "The other system's Redis, like redis://host:6379/0; else REDIS_URL.")
  var from: String?

  @Flag(name: .long, help: "Move the jobs; else nothing is changed.")
  var move = false

  @Flag(name: .long, help: "Failed jobs too: they run again here.")
  var failed = false

  @Option(
    name: .long,
    help: ArgumentHelp("The kind of a function's or a job's name; may be repeated.", valueName: "name=kind"))
  var map: [String] = []

  @Option(name: .long, help: "The queue they go to; else the one of the same name.")
  var queue: String?

  @Option(name: .long, help: "1 to 10: of jobs that have no priority.")
  var priority = Priority.normal.level

  @Option(name: .long, help: "Whose jobs they are.")
  var user = "import"

  @Option(
    name: .long,
    help: ArgumentHelp("Where in the payload its owner stands, like /userId; else --user.", valueName: "pointer"))
  var userFrom: String?

  @Flag(name: .shortAndLong, help: "A line for each job.")
  var verbose = false

  @Flag(name: .long, help: "Print JSON: what was done; with --verbose an object a job before.")
  var json = false

  func rules() throws -> ImportRules {
    var rules = ImportRules()
    rules.kinds = try map.map { text in
      guard let rule = KindRule(text) else {
        throw CommandFailure(
          description: "--map: found \"\(text)\"; wanted name=kind, or name(first,second)=kind to name the arguments")
      }
      return rule
    }
    guard let level = Priority(priority) else {
      throw CommandFailure(description: "--priority: found \(priority); wanted 1 to 10")
    }
    rules.priority = level
    guard (1...255).contains(user.utf8.count) else {
      throw CommandFailure(description: "--user: found \"\(user)\"; wanted a name of 1 to 255 bytes")
    }
    rules.user = user
    if let userFrom {
      guard let pointer = JSONPointer(userFrom) else {
        throw CommandFailure(description: "--user-from: found \"\(userFrom)\"; wanted a pointer like /userId")
      }
      rules.userPointer = pointer
    }
    if let queue {
      guard let name = QueueName(queue) else {
        throw CommandFailure(
          description: "--queue: found \"\(queue)\"; wanted 1 to 64 of A-Z a-z 0-9 . _ -")
      }
      rules.queue = name
    }
    return rules
  }

  private func source() throws -> RedisEndpoint {
    guard let text = from ?? ProcessInfo.processInfo.environment["REDIS_URL"] else {
      throw CommandFailure(description: "where is the other system's Redis? Say it with --from, or REDIS_URL")
    }
    guard let endpoint = RedisEndpoint(text) else {
      throw CommandFailure(description: "--from: wanted an address like redis://127.0.0.1:6379/0")
    }
    return endpoint
  }

  /// Looks, or moves, and says what was done.
  func run(
    _ queues: [String], _ rules: ImportRules,
    _ source: @EventLoop @Sendable @escaping (RedisClient) -> any ForeignQueues
  ) async throws {
    let endpoint = try self.source()
    let configuration = try configuration.load()
    let report: ImportReport
    if move {
      let tool = BrokerTool(configuration)
      let payloads = try tool.payloads()
      report = try await tool.withBroker { broker in
        let target = JobImport.Target(
          broker: broker, payloads: payloads, sizeLimit: configuration.payloads.maxSize.bytes)
        return try await carryOut(queues, rules, target, at: endpoint, source)
      }
    } else {
      LogOutput.install(configuration.log)
      report = try await carryOut(queues, rules, nil, at: endpoint, source)
    }
    if json {
      Terminal.say("\(report.document)")
    } else {
      // Said one by one already where each job is.
      if !verbose { for entry in report.left { Terminal.say(entry.line(isMove: move)) } }
      for line in report.lines { Terminal.say(line) }
      if !move { Terminal.note("Nothing was changed. Move them with --move.") }
    }
    if !report.isComplete { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  @EventLoop
  private func carryOut(
    _ queues: [String], _ rules: ImportRules, _ target: JobImport.Target?, at endpoint: RedisEndpoint,
    _ source: @EventLoop @Sendable (RedisClient) -> any ForeignQueues
  ) async throws -> ImportReport {
    let redis = RedisClient(endpoint: endpoint, logger: Logger(label: "fanfare.import"))
    defer { redis.close() }
    let (isTold, isJSON, isMove) = (verbose, json, move)
    do {
      try await redis.start()
      return try await JobImport(source: source(redis), rules: rules, withFailed: failed, target: target) { entry in
        guard isTold else { return }
        Terminal.say(isJSON ? "\(entry.document)" : entry.line(isMove: isMove))
      }.run(queues)
    } catch RedisError.unavailable {
      throw CommandFailure(description: "the Redis \(endpoint) cannot be reached")
    } catch RedisError.refused(let failure) {
      throw CommandFailure(description: "the Redis \(endpoint) refused: \(failure)")
    }
  }
}

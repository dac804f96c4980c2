import ArgumentParser
import Foundation
import Jobs

/// `fanfare watch`: a job's progress until its end.
struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch a job until it ends.",
    discussion: """
      A progress bar in a terminal, lines in a pipe. Goes on after lost connections and restarts of \
      the gateway. Ends with 0 if the job completed, 1 if it failed, 3 if it was cancelled.
      """)

  @OptionGroup var client: ClientOptions
  @OptionGroup var watching: WatchOptions

  @Flag(name: .long, help: "Print the gateway's events, a JSON object a line.")
  var json = false

  @Argument(help: "The job's id.")
  var job: String

  func run() throws {
    let server = try client.server()
    guard JobID(job) != nil else {
      throw CommandFailure(description: "found \"\(job)\"; wanted a job's id, 36 characters")
    }
    let status = try RecordWatch.show(
      WatchedJob(id: job), at: server, token: try client.bearer(for: server),
      patience: try watching.duration(), json: json, again: client.commandLine("watch \(job)"))
    throw ExitCode(status.rawValue)
  }
}

extension RecordWatch {
  /// Follows a record to its end, on standard output; `again` is the command that does the same.
  static func show(
    _ record: Record, on display: RecordDisplay<Record>, at server: ServerAddress, token: String,
    patience: Duration, with client: GatewayClient? = nil, again: String
  ) throws(ClientError) -> Record {
    Interrupt.watch()
    let watch = RecordWatch(
      server: server, token: token, patience: patience, changed: display.changed,
      idle: display.draw,
      lost: { error, delay in
        display.note("\(error); trying again in \(max(delay, .milliseconds(100)).roundedText)")
      })
    do throws(ClientError) {
      let ended = try watch.follow(record, with: client)
      display.endLine()
      return ended
    } catch {
      display.endLine()
      if error == .interrupted { Terminal.note("It goes on. See it again with: \(again)") }
      throw error
    }
  }
}

extension RecordWatch<WatchedJob> {
  /// Watches a job to its end, and says how it ended.
  static func show(
    _ job: WatchedJob, at server: ServerAddress, token: String, patience: Duration, json: Bool,
    with client: GatewayClient? = nil, again: String
  ) throws(ClientError) -> ExitStatus {
    var lines = ProgressLines()
    let display = RecordDisplay<WatchedJob>(
      terminal: Terminal(), json: json, bar: { ProgressBar.line(for: $0, width: $1) },
      line: { lines.line(for: $0) })
    let ended = try show(
      job, on: display, at: server, token: token, patience: patience, with: client, again: again)
    if !json { for artifact in ended.artifacts { Terminal.say(server.url(artifact)) } }
    return ExitStatus(of: ended.state)
  }
}

extension Duration {
  /// Seconds with one digit behind the point.
  fileprivate var roundedText: String { String(format: "%.1f s", self / .seconds(1)) }
}

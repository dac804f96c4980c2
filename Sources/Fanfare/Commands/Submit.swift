import ArgumentParser
import Foundation
import Jobs

/// `fanfare submit`: a job, from the command line.
struct Submit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Submit a job, with a file if it needs one.",
    usage: """
      fanfare submit <kind> [--payload <json>] [<options>]
      fanfare submit ffmpeg --file clip.mp4 --output out.mp4 [<options>] [-- -vf scale=640:-2]
      """,
    discussion: """
      Prints the job's id; with --watch, shows its progress until its end. Ends with 0 if the job \
      was accepted (with --watch: completed), 1 if it failed, 2 if it was refused, 3 if it was \
      cancelled.
      """)

  @OptionGroup var client: ClientOptions
  @OptionGroup var watching: WatchOptions

  @Argument(help: "What is to be done: ffmpeg, or a command of the gateway's configuration.")
  var kind: String

  @Option(name: .long, help: "The payload, a JSON object; @name reads it from a file.")
  var payload: String?

  @Option(name: .shortAndLong, help: "A file to send along: the payload's \"input\".")
  var file: String?

  @Option(name: .shortAndLong, help: "The name of what is to be made: the payload's \"output\".")
  var output: String?

  @Option(name: .long, help: "The queue, if not the kind's own.")
  var queue: String?

  @Option(name: .long, help: "1 to 10, 10 most urgent.")
  var priority: Int?

  @Option(name: .long, help: "How often a worker may try, the first time included.")
  var maxAttempts: Int?

  @Option(name: .long, help: "The longest one attempt may run, like 10m.")
  var timeout: String?

  @Option(name: .long, help: "Not before this long, like 10m.")
  var delay: String?

  @Option(name: .long, help: "Answered with an unfinished job of this queue that has the same key.")
  var uniqueKey: String?

  @Option(name: .long, help: "A job that has to complete before; may be repeated.")
  var after: [String] = []

  @Option(name: .long, help: "The group that it joins.")
  var group: String?

  @Option(name: .long, help: "Its part in the group's progress, against the others' 1.")
  var weight: Int?

  @Flag(name: .long, help: "Be content with an earlier result for the same input.")
  var reuse = false

  @Option(name: .long, help: "Makes it safe to submit the same again; else one is drawn.")
  var idempotencyKey: String?

  @Flag(name: .shortAndLong, help: "Stay and show the progress until the job ends.")
  var watch = false

  @Flag(name: .long, help: "Print JSON: the job, then each event, one a line.")
  var json = false

  @Argument(
    parsing: .postTerminator, help: "Arguments for the job, behind --: the payload's \"arguments\"."
  )
  var arguments: [String] = []

  func run() throws {
    let server = try client.server()
    let patience = try watching.duration()
    var request = SubmitRequest(
      kind: kind, payload: try Written.payload(payload) ?? .emptyObject, output: output, arguments: arguments,
      queue: queue,
      priority: priority, delay: try Written.seconds(delay, "--delay"), uniqueKey: uniqueKey,
      parents: after, group: group, weight: weight, reuses: reuse, maxAttempts: maxAttempts,
      timeout: try timeoutDuration(),
      idempotencyKey: idempotencyKey ?? UUID().uuidString.lowercased())
    let token = try client.bearer(for: server)
    if let file { request.input = try upload(file, to: server, token: token) }
    let (job, document, session) = try request.send(to: server, token: token)
    if json {
      Terminal.say("\(document)")
    } else {
      Terminal.say(job.id)
    }
    guard watch else { return }
    let status = try RecordWatch.show(
      job, at: server, token: token, patience: patience, json: json, with: session,
      again: client.commandLine("watch \(job.id)"))
    throw ExitCode(status.rawValue)
  }

  private func timeoutDuration() throws -> Duration? {
    guard let timeout else { return nil }
    guard let duration = Duration(written: timeout), duration > .zero else {
      throw CommandFailure(
        description: "--timeout: found \"\(timeout)\"; wanted \(Duration.wanted)")
    }
    return duration
  }

  private func upload(_ path: String, to server: ServerAddress, token: String) throws -> String {
    let terminal = Terminal()
    let name = URL(fileURLWithPath: path).lastPathComponent
    let upload = try FileUpload(path: path).send(to: server, token: token) { sent, total in
      guard terminal.isInteractive, !json else { return }
      terminal.redraw {
        let percent = total > 0 ? Double(sent) / Double(total) * 100 : 100
        return String("sending \(name)  \(Int(percent))%".prefix($0))
      }
    }
    if terminal.isInteractive, !json { terminal.redraw { _ in "" } }
    return upload
  }
}

import Foundation
package import Jobs
import Synchronization

/// Runs a configured program for each job of its kind.
///
/// Exit status as configured → completed, with the result its last `{"result":…}` line told, and what
/// it left in its output folder as artifacts. Other status → `exit_status`, with the last lines of its
/// standard error.
package struct CommandWorker: Worker {
  /// `[workers.commands.<name>]` of the configuration.
  package struct Configuration: Sendable {
    /// How the program gets the payload.
    package enum PayloadDelivery: String, Hashable, Sendable {
      /// Only what the placeholders take from it.
      case none
      /// As JSON on standard input.
      case standardInput = "stdin"
      /// As JSON in the file whose path is in `FANFARE_PAYLOAD` (and `{payload}`).
      case file
    }

    package var kind: JobKind
    /// A name, looked up on ``ChildCommand/path``, or an absolute path.
    package var program: String
    /// With placeholders: ``CommandTemplate``.
    package var arguments: [String]
    package var payload: PayloadDelivery
    package var progress: CommandProgressForm
    package var result: CommandResultForm
    /// Which exit statuses mean that the job is done.
    package var successExitCodes: Set<Int32>
    package var timeout: Duration?
    /// The most bytes it may write to its standard output and error together.
    package var outputLimit: Int
    package var environment: [String: String]
    package var inputs: InputFetcher
    package var retryPolicy: RetryPolicy

    package init(
      kind: JobKind, program: String, arguments: [String] = [], payload: PayloadDelivery = .none,
      progress: CommandProgressForm = .jsonLines, result: CommandResultForm = .told, successExitCodes: Set<Int32> = [0],
      timeout: Duration? = .seconds(3600), outputLimit: Int = 16 << 20,
      environment: [String: String] = [:], inputs: InputFetcher = InputFetcher(),
      retryPolicy: RetryPolicy = .standard
    ) {
      self.kind = kind
      self.program = program
      self.arguments = arguments
      self.payload = payload
      self.progress = progress
      self.result = result
      self.successExitCodes = successExitCodes
      self.timeout = timeout
      self.outputLimit = outputLimit
      self.environment = environment
      self.inputs = inputs
      self.retryPolicy = retryPolicy
    }
  }

  package let configuration: Configuration
  package var kind: JobKind { configuration.kind }
  package var defaultTimeout: Duration? { configuration.timeout }
  package var retryPolicy: RetryPolicy { configuration.retryPolicy }
  private let templates: [CommandTemplate]

  /// The most files of an output folder that become artifacts.
  static let artifactLimit = 100

  /// The file of a command that leaves its result in one.
  static let resultFile = "result.json"

  /// Throws what is wrong with the configuration.
  package init(_ configuration: Configuration) throws(CommandConfigurationError) {
    self.configuration = configuration
    var templates: [CommandTemplate] = []
    for argument in configuration.arguments { templates.append(try CommandTemplate(argument)) }
    self.templates = templates
    _ = try CommandOutputParser(configuration.progress)
  }

  @concurrent
  package func perform(_ job: JobContext) async throws -> Outcome {
    let command: ChildCommand
    do {
      command = try await prepare(job)
    } catch let fault as PayloadFault {
      return .badInput([fault])
    }
    let run = CommandRun(
      job, parser: try CommandOutputParser(configuration.progress), takesLines: configuration.result == .line)
    let exit: ChildExit
    do {
      exit = try await job.run(
        command, onOutput: { run.heard($0) }, onError: { run.heardError($0) })
    } catch ChildProcessError.tooMuchOutput(let limit) {
      return .failedForGood(
        JobFailure(code: "output_too_large", message: "The command said more than \(limit) bytes."))
    }
    guard case .status(let code) = exit, configuration.successExitCodes.contains(code) else {
      return .failed(JobFailure(exit, of: configuration.program, saying: run.lastErrors))
    }
    do {
      if configuration.result == .file { run.take(try resultFile(in: try await outputFolder(job))) }
    } catch let failure as JobFailure {
      return .failed(failure)
    }
    return .completed(try await result(of: run, job))
  }

  /// What stands in the result's file, which is taken away; nil where the command left none.
  private func resultFile(in folder: String) throws -> JSONText? {
    let path = "\(folder)/\(Self.resultFile)"
    let files = FileManager.default
    guard files.fileExists(atPath: path) else { return nil }
    let attributes = try files.attributesOfItem(atPath: path)
    // A link may lead anywhere.
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw JobFailure(code: "bad_result", message: "\(Self.resultFile) is no plain file.")
    }
    guard let size = attributes[.size] as? Int, size <= Settlement.resultLimit else {
      throw JobFailure(
        code: "result_too_large", message: "The result has more than \(Settlement.resultLimit) bytes.")
    }
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    try files.removeItem(atPath: path)
    do {
      return try JSONDocument(bytes: bytes).root.text
    } catch {
      throw JobFailure(code: "bad_result", message: "\(Self.resultFile) is not JSON: \(error).")
    }
  }

  private func outputFolder(_ job: JobContext) async throws -> String { "\(try await job.folder())/output" }

  private func prepare(_ job: JobContext) async throws -> ChildCommand {
    let payload = try Self.root(of: job.payload)
    let placeholders = Set(templates.flatMap(\.placeholders))
    let folder = try await job.folder()
    let outputFolder = try await outputFolder(job)
    try FileManager.default.createDirectory(
      atPath: outputFolder, withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700])
    let payloadFile = "\(folder)/payload.json"
    if configuration.payload != .none || placeholders.contains(.payloadFile) {
      try Data(job.payload.bytes).write(to: URL(fileURLWithPath: payloadFile))
    }
    var input = ""
    if placeholders.contains(.input) {
      guard let text = payload["input"]?.string else {
        throw PayloadFault("/input", "must be a text")
      }
      input = try await configuration.inputs.fetch(
        try InputReference(text, at: "/input"), for: job)
    }
    let output = try Self.output(of: payload)
    var arguments: [String] = []
    for template in templates {
      arguments.append(
        try template.filled(payload: payload) { placeholder in
          switch placeholder {
          case .jobID: job.id.description
          case .attempt: String(job.attempt)
          case .user: job.job.user
          case .payloadFile: payloadFile
          case .input: input
          case .output: "\(outputFolder)/\(output)"
          case .folder: folder
          case .member: preconditionFailure("a member is filled in by the template")
          }
        })
    }
    var environment = configuration.environment
    if configuration.payload == .file { environment["FANFARE_PAYLOAD"] = payloadFile }
    return ChildCommand(
      configuration.program, arguments, environment: environment,
      inputFile: configuration.payload == .standardInput ? payloadFile : nil,
      outputLimit: configuration.outputLimit)
  }

  private static func root(of payload: JSONText) throws(PayloadFault) -> JSONValue {
    do {
      return try JSONDocument(bytes: payload.bytes).root
    } catch {
      throw PayloadFault("", "the payload is not JSON: \(error)")
    }
  }

  private static func output(of payload: JSONValue) throws(PayloadFault) -> ArtifactName {
    guard let value = payload["output"] else { return ArtifactName("output")! }
    guard let name = value.string.flatMap(ArtifactName.init) else {
      throw PayloadFault("/output", "must be a plain file name")
    }
    return name
  }

  /// The told result, the artifacts, or both in one object.
  private func result(of run: CommandRun, _ job: JobContext) async throws -> JSONText? {
    let outputFolder = try await outputFolder(job)
    let names = try FileManager.default.contentsOfDirectory(atPath: outputFolder).sorted()
    var artifacts: [Artifact] = []
    for name in names {
      guard let safe = ArtifactName(name), artifacts.count < Self.artifactLimit else {
        job.log(
          "the file \(name) is left out: its name cannot be an artifact's, or there are too many")
        continue
      }
      do {
        artifacts.append(try await job.publish("\(outputFolder)/\(name)", as: safe))
      } catch ArtifactError.notAFile {
        job.log("\(name) is left out: it is no plain file")
      }
    }
    let told = run.result
    if artifacts.isEmpty { return told }
    var writer = JSONWriter()
    writer.object { object in
      object.member(artifacts: artifacts, of: job.id)
      object.member("result", told)
    }
    return writer.text
  }
}

/// What is heard from a command while it runs.
private final class CommandRun: Sendable {
  private struct State {
    let parser: CommandOutputParser
    var result: JSONText?
  }

  private let job: JobContext
  private let takesLines: Bool
  private let state: Mutex<State>
  private let errors = LastLines(limit: 20)

  /// With `takesLines`, a line that is a JSON object and says nothing else is the result.
  init(_ job: JobContext, parser: sending CommandOutputParser, takesLines: Bool) {
    self.job = job
    self.takesLines = takesLines
    state = Mutex(State(parser: parser, result: nil))
  }

  var result: JSONText? { state.withLock { $0.result } }
  var lastErrors: String { errors.text }

  func take(_ result: JSONText?) { state.withLock { $0.result = result } }

  func heard(_ line: String) {
    let said = state.withLock { state in
      let said = state.parser.read(line)
      if case .result(let result) = said { state.result = result }
      return said
    }
    switch said {
    case .progress(let progress): job.report(progress)
    case .result: break
    case .other:
      if takesLines, let value = try? JSONDocument(bytes: Array(line.utf8)).root, value.object != nil {
        take(value.text)
      } else {
        job.log(line)
      }
    }
  }

  func heardError(_ line: String) {
    errors.append(line)
    job.log(line)
  }
}

import EventLoop
import Foundation
package import Jobs

/// Separates music into its stems with Demucs, by its command line: `{"input":"upload:upl_…","stem":"no_vocals"}`.
///
/// A run may take twice as long as the track, and a minute. Demucs opens its input with an ffmpeg of its own, without
/// guards: nothing is given to it that ``MediaProbe`` does not know under ours.
package struct DemucsWorker: Worker {
  /// What an operator decides.
  package struct Configuration: Sendable {
    package var kind: JobKind
    /// Names, looked up on ``ChildCommand/path``, or absolute paths.
    package var demucs: String
    package var ffprobe: String
    /// The model, as `demucs -n` knows it.
    package var model: String
    /// Where it computes, as `demucs -d` knows it; empty leaves it to Demucs.
    package var device: String
    /// The folder in which torch keeps the models that it has downloaded.
    package var models: String
    /// The longest ffprobe may take.
    package var probeTimeout: Duration
    /// The time that a run has beyond twice the track's.
    package var spare: Duration
    package var inputs: InputFetcher
    package var retryPolicy: RetryPolicy

    package init(
      kind: JobKind = JobKind("demucs")!, demucs: String = "demucs", ffprobe: String = "ffprobe",
      model: String = "htdemucs", device: String = "", models: String,
      probeTimeout: Duration = .seconds(30), spare: Duration = .seconds(60),
      inputs: InputFetcher = InputFetcher(), retryPolicy: RetryPolicy = .standard
    ) {
      self.kind = kind
      self.demucs = demucs
      self.ffprobe = ffprobe
      self.model = model
      self.device = device
      self.models = models
      self.probeTimeout = probeTimeout
      self.spare = spare
      self.inputs = inputs
      self.retryPolicy = retryPolicy
    }
  }

  package let configuration: Configuration
  package var kind: JobKind { configuration.kind }
  package var retryPolicy: RetryPolicy { configuration.retryPolicy }

  package init(_ configuration: Configuration) {
    self.configuration = configuration
  }

  @concurrent
  package func perform(_ job: JobContext) async throws -> Outcome {
    do {
      let request = try DemucsRequest(job.payload)
      let input = try await configuration.inputs.fetch(request.input, for: job)
      job.report(Progress(stage: "probing"))
      let found = try await MediaProbe(program: configuration.ffprobe, timeLimit: configuration.probeTimeout)
        .look(at: input, under: MediaGuards.media, pointer: "/input", for: job)
      guard found.hasAudio else { throw PayloadFault("/input", "holds no sound") }
      guard let duration = found.duration, duration > .zero else {
        throw PayloadFault("/input", "does not say how long it is")
      }
      return try await separate(input, request, within: duration * 2 + configuration.spare, job)
    } catch let error as PayloadFaults {
      return .badInput(error.faults)
    } catch let fault as PayloadFault {
      return .badInput([fault])
    }
  }

  private func separate(
    _ input: String, _ request: DemucsRequest, within limit: Duration, _ job: JobContext
  ) async throws -> Outcome {
    let stems = "\(try await job.folder())/stems"
    job.report(Progress(percent: 0, stage: "separating"))
    let heard = DemucsRun(job, hiding: [(stems, "stems"), (input, "input")])
    let exit: ChildExit
    do {
      exit = try await job.runRaw(
        ChildCommand(
          configuration.demucs, arguments(request, from: input, to: stems),
          // Without it each job would download the model into its own folder.
          environment: ["TORCH_HOME": configuration.models], timeLimit: limit),
        onOutput: { heard.output($0) }, onError: { heard.errors($0) })
      heard.finish()
    } catch ChildProcessError.tooLong(let limit) {
      return .failed(
        JobFailure(code: "timeout", message: "The run took longer than \(limit.inSeconds) s."))
    }
    guard exit == .status(0) else {
      return .failed(JobFailure(exit, of: "demucs", saying: heard.lastErrors))
    }
    return try await publish(
      request, from: "\(stems)/\(configuration.model)", job, saying: heard.lastErrors)
  }

  private func arguments(_ request: DemucsRequest, from input: String, to folder: String) -> [String] {
    var arguments = ["-n", configuration.model, "-o", folder, "--filename", "{stem}.{ext}"]
    if !configuration.device.isEmpty { arguments += ["-d", configuration.device] }
    if case .one(let name, _) = request.stem { arguments += ["--two-stems", name] }
    switch request.format {
    case .wav: break
    case .flac: arguments.append("--flac")
    case .mp3: arguments.append("--mp3")
    }
    return arguments + ["--", input]
  }

  private func publish(
    _ request: DemucsRequest, from folder: String, _ job: JobContext, saying errors: String
  ) async throws -> Outcome {
    let wanted: [String] =
      switch request.stem {
      case .one(let name, let isLeftOut): ["\(isLeftOut ? "no_" : "")\(name)"]
      case .all: DemucsRequest.Stem.names
      }
    var artifacts: [Artifact] = []
    for stem in wanted {
      let file = "\(stem).\(request.format.rawValue)"
      guard FileManager.default.fileExists(atPath: "\(folder)/\(file)") else { continue }
      guard let name = request.output ?? ArtifactName(file) else {
        preconditionFailure("a stem's name is a file's name")
      }
      artifacts.append(try await job.publish("\(folder)/\(file)", as: name))
    }
    guard !artifacts.isEmpty else {
      // Demucs passes over a track that it cannot read, and ends well.
      return .failed(JobFailure(code: "no_output", message: "demucs made no such stem.\n\(errors)"))
    }
    var result = JSONWriter()
    result.object { object in object.member(artifacts: artifacts, of: job.id) }
    return .completed(result.text)
  }
}

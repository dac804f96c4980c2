import EventLoop
import Foundation
package import Jobs
import Synchronization

/// Transcodes with ffmpeg: `{"input":"upload:upl_…" | "https://…", "output":"output.mp4",
/// "arguments":["-c:v","libx264"]?}`.
///
/// Nobody who submits can make ffmpeg read or write anything but the job's input and output: arguments
/// are checked against ``FFmpegOption``; the input is always a local file, opened with the `file`
/// protocol alone and by demuxers that cannot refer to other files (no playlists, no concatenations);
/// the output's name is one file name of an allowed extension.
package struct FFmpegWorker: Worker {
  /// What an operator decides.
  package struct Configuration: Sendable {
    package var kind: JobKind
    /// Names, looked up on ``ChildCommand/path``, or absolute paths.
    package var ffmpeg: String
    package var ffprobe: String
    package var timeout: Duration?
    /// The longest ffprobe may take.
    package var probeTimeout: Duration
    /// The most bytes of an output; a larger one fails the job.
    package var outputLimit: Int
    package var inputs: InputFetcher
    package var retryPolicy: RetryPolicy

    package init(
      kind: JobKind = JobKind("ffmpeg")!, ffmpeg: String = "ffmpeg", ffprobe: String = "ffprobe",
      timeout: Duration? = .seconds(6 * 3600), probeTimeout: Duration = .seconds(30),
      outputLimit: Int = 16 << 30,
      inputs: InputFetcher = InputFetcher(), retryPolicy: RetryPolicy = .standard
    ) {
      self.kind = kind
      self.ffmpeg = ffmpeg
      self.ffprobe = ffprobe
      self.timeout = timeout
      self.probeTimeout = probeTimeout
      self.outputLimit = outputLimit
      self.inputs = inputs
      self.retryPolicy = retryPolicy
    }
  }

  package let configuration: Configuration
  package var kind: JobKind { configuration.kind }
  package var defaultTimeout: Duration? { configuration.timeout }
  package var retryPolicy: RetryPolicy { configuration.retryPolicy }

  package init(_ configuration: Configuration = Configuration()) {
    self.configuration = configuration
  }

  /// Demuxers of media that hold all they need. Absent on purpose: hls, dash, concat, sdp, image2,
  /// lavfi and whatever else opens what its file names.
  private static let demuxers = [
    "mov", "mp4", "m4a", "3gp", "matroska", "webm", "avi", "flv", "mpegts", "mpeg", "mpegvideo",
    "asf", "mp3", "wav", "w64", "flac", "ogg", "aac", "ac3", "eac3", "amr", "aiff", "caf", "gif",
    "h264", "hevc", "m4v", "ivf", "mxf", "nut", "png_pipe", "jpeg_pipe", "webp_pipe", "srt",
    "webvtt", "ass",
  ].joined(separator: ",")

  /// The guards that every opening of an input gets.
  private static let inputGuards = [
    "-protocol_whitelist", "file", "-format_whitelist", demuxers,
  ]

  @concurrent
  package func perform(_ job: JobContext) async throws -> Outcome {
    let request: FFmpegRequest
    do {
      request = try FFmpegRequest(job.payload)
    } catch {
      return .badInput(error.faults)
    }
    let input: String
    do {
      input = try await configuration.inputs.fetch(request.input, for: job)
    } catch let fault as PayloadFault {
      return .badInput([fault])
    }
    job.report(Progress(stage: "probing"))
    let duration: Duration?
    switch try await probe(input, job) {
    case .success(let found): duration = found
    case .failure(let fault): return .badInput([fault])
    }
    return try await transcode(request, input, duration, job)
  }

  /// The input's length, nil where it has none.
  private func probe(
    _ input: String, _ job: JobContext
  ) async throws -> Result<Duration?, PayloadFault> {
    let answer = Mutex<Duration?>(nil)
    let errors = LastLines(limit: 3)
    let exit = try await job.run(
      // A probe that takes too long throws, and is tried again: the machine may be busy.
      ChildCommand(
        configuration.ffprobe,
        ["-v", "error"] + Self.inputGuards + [
          "-show_entries", "format=duration", "-of", "default=noprint_wrappers=1:nokey=1",
          "-i", "file:\(input)",
        ], outputLimit: 1 << 20, timeLimit: configuration.probeTimeout),
      onOutput: { line in
        if let seconds = Double(line), seconds > 0, seconds < 1e8 {
          answer.withLock { $0 = .seconds(seconds) }
        }
      }, onError: { errors.append($0) })
    guard exit == .status(0) else {
      let reason = errors.text.replacing(input, with: "input")
      return .failure(PayloadFault("/input", "is not media that can be read: \(reason)"))
    }
    return .success(answer.withLock { $0 })
  }

  private func transcode(
    _ request: FFmpegRequest, _ input: String, _ duration: Duration?, _ job: JobContext
  ) async throws -> Outcome {
    let expected = request.arguments.expectedLength(of: duration)
    let folder = try await job.folder()
    let output = "\(folder)/\(request.output)"
    let progress = Mutex(FFmpegProgress())
    let errors = LastLines(limit: 8)
    let start = Uptime.now
    let exit = try await job.run(
      ChildCommand(
        configuration.ffmpeg,
        ["-hide_banner", "-loglevel", "warning", "-nostdin", "-nostats", "-progress", "pipe:1"]
          + Self.inputGuards + ["-i", "file:\(input)"] + request.arguments.words
          + ["-fs", String(configuration.outputLimit), "-y", "file:\(output)"]),
      onOutput: { line in
        if let update = progress.withLock({ $0.feed(line) }) {
          job.report(update.progress(of: expected))
        }
      },
      onError: { line in
        let line = line.replacing(folder, with: "").replacing(input, with: "input")
        errors.append(line)
        job.log(line)
      })
    guard exit == .status(0) else {
      return .failed(JobFailure(exit, of: "ffmpeg", saying: errors.text))
    }
    let artifact = try await job.publish(output, as: request.output)
    if artifact.size >= configuration.outputLimit {
      let failure = JobFailure(
        code: "output_too_large",
        message: "The output reached the limit of \(configuration.outputLimit) bytes.")
      return .failedForGood(failure)
    }
    var result = JSONWriter()
    result.object { object in
      object.member(artifacts: [artifact], of: job.id)
      object.member("duration", number: expected?.inSeconds)
      object.member("elapsed", number: ((Uptime.now - start).inSeconds * 1000).rounded() / 1000)
    }
    return .completed(result.text)
  }
}

extension JSONWriter {
  /// The member `artifacts` of a result: name, address, bytes and type of each.
  mutating func member(artifacts: [Artifact], of job: JobID) {
    array("artifacts") { array in
      for artifact in artifacts {
        array.object { object in
          let name = Self.percentEncoded(artifact.name.description)
          object.member("name", artifact.name.description)
          object.member("url", "/v1/artifacts/\(job)/\(name)")
          object.member("bytes", artifact.size)
          object.member("content_type", artifact.contentType)
        }
      }
    }
  }

  /// A name as one segment of an address (RFC 3986).
  private static func percentEncoded(_ name: String) -> String {
    var encoded = ""
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return encoded
  }
}

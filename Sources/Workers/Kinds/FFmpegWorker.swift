import EventLoop
import Foundation
package import Jobs
import Synchronization

/// Transcodes with ffmpeg: `{"input":"upload:upl_…" | "https://…", "output":"output.mp4",
/// "arguments":["-c:v","libx264"]?}`, or by a command line of the caller's own: `{"command":"-i input.mp4 output.mp4",
/// "inputs":{"input.mp4":"https://…"},"output":"output.mp4"}`.
///
/// Nobody who submits can make ffmpeg read or write anything but the job's inputs and output: options
/// are checked against ``FFmpegOption``; inputs are always local files of our naming, opened under
/// ``MediaGuards``; the output's name is one file name of an allowed extension.
package struct FFmpegWorker: Worker {
  package let configuration: MediaSettings
  package let kind = JobKind("ffmpeg")!
  package var defaultTimeout: Duration? { configuration.timeout }
  package var retryPolicy: RetryPolicy { configuration.retryPolicy }

  package init(_ configuration: MediaSettings = MediaSettings()) {
    self.configuration = configuration
  }

  @concurrent
  package func perform(_ job: JobContext) async throws -> Outcome {
    do {
      let request = try FFmpegRequest(job.payload)
      return try await transcode(request, try await bring(request.inputs, job), job)
    } catch let error as PayloadFaults {
      return .badInput(error.faults)
    }
  }

  /// An input that is there: its file, and how much of it ffmpeg reads.
  private struct OpenInput {
    let path: String
    let options: [String]
    let length: Duration?
  }

  /// The inputs in the order in which ffmpeg opens them. Throws ``PayloadFaults`` with all that are no media.
  private func bring(_ inputs: [FFmpegRequest.Input], _ job: JobContext) async throws -> [OpenInput] {
    let probe = MediaProbe(program: configuration.ffprobe, timeLimit: configuration.probeTimeout)
    var faults: [PayloadFault] = []
    var found: [InputReference: (path: String, duration: Duration?)] = [:]
    for (index, input) in inputs.enumerated() where found[input.reference] == nil {
      do {
        let path = try await configuration.inputs.fetch(
          input.reference, number: index, at: input.pointer, for: job)
        job.report(Progress(stage: "probing"))
        let finding = try await probe.look(at: path, under: MediaGuards.media, pointer: input.pointer, for: job)
        found[input.reference] = (path, finding.duration)
      } catch let fault as PayloadFault {
        faults.append(fault)
      }
    }
    if !faults.isEmpty { throw PayloadFaults(faults) }
    return inputs.compactMap { input in
      found[input.reference].map { path, duration in
        OpenInput(path: path, options: input.options, length: input.expectedLength(of: duration))
      }
    }
  }

  private func transcode(
    _ request: FFmpegRequest, _ inputs: [OpenInput], _ job: JobContext
  ) async throws -> Outcome {
    let expected = request.arguments.expectedLength(of: inputs.map(\.length))
    let folder = try await job.folder()
    let output = "\(folder)/\(request.output)"
    let progress = Mutex(FFmpegProgress())
    let errors = LastLines(limit: 8)
    let start = Uptime.now
    let exit = try await job.run(
      ChildCommand(
        configuration.ffmpeg,
        ["-hide_banner", "-loglevel", "warning", "-nostdin", "-nostats", "-progress", "pipe:1"]
          + inputs.flatMap { MediaGuards.media + $0.options + ["-i", "file:\($0.path)"] }
          + request.arguments.words + ["-fs", String(configuration.outputLimit), "-y", "file:\(output)"]),
      onOutput: { line in
        if let update = progress.withLock({ $0.feed(line) }) {
          job.report(update.progress(of: expected))
        }
      },
      onError: { line in
        var line = line.replacing(folder, with: "")
        for input in inputs { line = line.replacing(input.path, with: "input") }
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
      object.member("duration", number: expected.flatMap { $0 > .zero ? $0.inSeconds : nil })
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
          object.member("location", artifact.location)
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

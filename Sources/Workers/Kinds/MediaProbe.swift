import EventLoop
import Jobs
import Synchronization

/// Asks ffprobe what an input is, before anything else opens it.
struct MediaProbe {
  /// What a medium has.
  struct Finding: Hashable {
    /// How long it is, nothing for a single picture; nil where it does not say.
    var duration: Duration?
    /// Whether it shows anything.
    var hasVideo = false
    var hasAudio = false
  }

  /// A name, looked up on ``ChildCommand/path``, or an absolute path.
  let program: String
  let timeLimit: Duration

  /// Throws ``PayloadFault`` at `pointer` for what cannot be read under the guards; `noun` is what it should be.
  ///
  /// A probe that takes too long throws ``ChildProcessError``, and is tried again: the machine may be busy.
  func look(
    at path: String, under guards: [String], pointer: String, wanted noun: String = "media", for job: JobContext
  ) async throws -> Finding {
    let found = Mutex(Finding())
    let errors = LastLines(limit: 3)
    let exit = try await job.run(
      ChildCommand(
        program,
        ["-v", "error"] + guards + [
          "-show_entries", "format=duration,format_name:stream=codec_type,width", "-of", "default=noprint_wrappers=1",
          "-i", "file:\(path)",
        ], outputLimit: 1 << 20, timeLimit: timeLimit),
      onOutput: { line in found.withLock { $0.hear(line) } }, onError: { errors.append($0) })
    guard exit == .status(0) else {
      let reason = errors.text.replacing(path, with: "input")
      throw PayloadFault(pointer, "is not \(noun) that can be read: \(reason)")
    }
    return found.withLock { $0 }
  }
}

extension MediaProbe.Finding {
  fileprivate mutating func hear(_ line: String) {
    switch line {
    // What cannot be decoded, or may not be for its size, has no width.
    case let line where line.hasPrefix("width="): hasVideo = hasVideo || (Int(line.dropFirst(6)) ?? 0) > 0
    case "codec_type=audio": hasAudio = true
    // What ffmpeg calls pipes are single pictures.
    case let line where line.hasPrefix("format_name=") && line.hasSuffix("_pipe"): duration = .zero
    default:
      if line.hasPrefix("duration="), let seconds = Double(line.dropFirst(9)), seconds > 0, seconds < 1e8 {
        duration = .seconds(seconds)
      }
    }
  }
}

import Foundation
import Jobs
import Synchronization

@testable import Workers

/// Media of ffmpeg's own test pictures and tones, and what ffmpeg and ffprobe say of files.
enum Media {
  static let isAvailable = ["ffmpeg", "ffprobe"].allSatisfy { ChildCommand.location(of: $0) != nil }

  /// What a tool of ffmpeg's writes to its standard output.
  static func run(_ program: String, _ arguments: [String]) async throws -> [UInt8] {
    let output = Mutex<[UInt8]>([])
    let errors = Mutex<[UInt8]>([])
    let tool = ChildProcess(
      ChildCommand(program, arguments), environment: ["PATH": ChildCommand.path], grace: .seconds(1),
      orphanGuard: nil)
    let exit = try await tool.run(
      onOutput: { bytes in output.withLock { $0 += bytes } }, onError: { bytes in errors.withLock { $0 += bytes } })
    guard exit == .status(0) else {
      throw MediaError(text: "\(program) \(exit): \(String(decoding: errors.withLock { $0 }, as: UTF8.self))")
    }
    return output.withLock { $0 }
  }

  struct MediaError: Error {
    let text: String
  }

  /// Makes a file of one source of ffmpeg's.
  @discardableResult
  static func make(_ source: String, _ options: [String] = [], at path: String) async throws -> String {
    _ = try await run("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", source] + options + ["-y", path])
    return path
  }

  /// A picture of one colour.
  static func picture(_ colour: String, _ size: String, at path: String) async throws -> String {
    try await make("color=c=\(colour):s=\(size)", ["-frames:v", "1"], at: path)
  }

  /// A clip with a test picture and a tone.
  static func clip(seconds: Int, at path: String) async throws -> String {
    _ = try await run(
      "ffmpeg",
      [
        "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-f", "lavfi", "-i",
        "sine", "-t", "\(seconds)", "-c:v", "mpeg4", "-c:a", "pcm_s16le", "-y", path,
      ])
    return path
  }

  /// Brings a file as alice's upload.
  static func upload(_ path: String, to store: ArtifactStore) async throws -> String {
    let writer = try await store.beginUpload(owner: "alice", name: "file", contentType: nil, limit: 1 << 30)
    try await writer.write(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    return "upload:\(try await writer.finish().id)"
  }

  /// What ffprobe says: `codec_name`, `width`, `height` of each stream, and the length in seconds.
  static func probe(_ path: String) async throws -> (streams: [String], seconds: Double) {
    let text = String(
      decoding: try await run(
        "ffprobe",
        ["-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0:s=x", path]),
      as: UTF8.self)
    let length = String(
      decoding: try await run("ffprobe", ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]),
      as: UTF8.self)
    return (
      text.split(whereSeparator: \.isNewline).map(String.init),
      Double(length.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    )
  }

  /// How long each stream is, in seconds.
  static func lengths(of path: String) async throws -> [Double] {
    let words = ["-v", "error", "-show_entries", "stream=duration", "-of", "csv=p=0", path]
    return String(decoding: try await run("ffprobe", words), as: UTF8.self).split(whereSeparator: \.isNewline)
      .compactMap { Double($0) }
  }

  /// The colour of a video at a moment and a place: red, green, blue.
  static func colour(of path: String, at seconds: Double, x: Int, y: Int) async throws -> [Int] {
    let bytes = try await run(
      "ffmpeg",
      [
        "-v", "error", "-i", path, "-ss", "\(seconds)", "-frames:v", "1", "-vf",
        "format=rgb24,crop=1:1:\(x):\(y)", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1",
      ])
    return bytes.prefix(3).map(Int.init)
  }
}

import EventLoop
import Foundation
import Jobs
import Synchronization

/// One slideshow being made, and what it says meanwhile: each line stands in the job's log behind the job's id, as
/// the older video generator wrote it, and is a progress report.
struct SlideshowRun {
  private let request: SlideshowRequest
  private let configuration: MediaSettings
  private let job: JobContext
  private let folder: String
  private let timeline: SlideshowTimeline

  private var clips: String { "\(folder)/clips" }
  private var list: String { "\(clips)/list" }
  private var music: String { "\(clips)/audio.m4a" }

  init(
    _ request: SlideshowRequest, _ configuration: MediaSettings, _ job: JobContext
  ) async throws {
    self.request = request
    self.configuration = configuration
    self.job = job
    folder = try await job.folder()
    timeline = SlideshowTimeline(imageCount: request.images.count, seconds: request.seconds)
  }

  /// Throws ``PayloadFaults`` for inputs that are no images or no music.
  func perform() async throws -> Outcome {
    tell("Starting video generation...", "starting", 0)
    let seconds = request.seconds
    let shown = seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    let session = request.session ?? "none"
    tell("Session: \(session), Duration: \(shown)s, Resolution: \(request.size)", "starting", 5)
    let output = "\(folder)/\(request.output)"
    let failure: JobFailure?
    do {
      failure = try await make(output)
    } catch {
      // The folder goes at the end of the run whatever is said here; clips need not wait for that.
      try removeClips()
      throw error
    }
    tell("Cleaning up clips...", "cleaning_up", 99)
    try removeClips()
    if let failure { return .failed(failure) }
    let artifact = try await job.publish(output, as: request.output)
    guard artifact.size < configuration.outputLimit else {
      return .failedForGood(
        JobFailure(
          code: "output_too_large",
          message: "The video reached the limit of \(configuration.outputLimit) bytes."))
    }
    tell("✅ Video generation complete! Size: \(artifact.size) bytes", "cleaning_up", 99)
    var result = JSONWriter()
    result.object { object in
      object.member(artifacts: [artifact], of: job.id)
      object.member("file_size", artifact.size)
      object.member("duration", number: timeline.length)
    }
    return .completed(result.text)
  }

  /// Nil where the video was made.
  private func make(_ output: String) async throws -> JobFailure? {
    let (images, audio) = try await bringInputs()
    tell("Found \(images.count) images", "starting", 15)
    try FileManager.default.createDirectory(
      atPath: clips, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    for index in images.indices {
      let percent = timeline.percent(at: index)
      let line = "Processing image \(index + 1)/\(images.count)"
      job.log("[\(job.id)] \(line) (\(percent)%)")
      job.report(Progress(percent: Double(percent), stage: "processing", message: line))
      if let failure = try await makeClip(index, of: images) { return failure }
    }
    tell("Concatenating \(images.count) clips...", "concatenating", 62)
    let names = images.indices.map { "file \($0).mkv\n" }.joined()
    try "ffconcat version 1.0\n\(names)".write(toFile: list, atomically: false, encoding: .utf8)
    if let audio {
      tell("Adding audio: \(request.audioName ?? "audio")", "adding_audio", 64)
      if let failure = try await cutMusic(audio) { return failure }
      tell("Audio added successfully", "adding_audio", 67)
    }
    tell("Setting resolution to \(request.size)", "encoding", 69)
    tell("Encoding video to /v1/artifacts/\(job.id)/\(request.output)...", "encoding", 70)
    return try await encode(output, hasMusic: audio != nil)
  }

  private func tell(_ line: String, _ stage: String, _ percent: Double) {
    job.log("[\(job.id)] \(line)")
    job.report(Progress(percent: percent, stage: stage, message: line))
  }

  private func removeClips() throws {
    guard FileManager.default.fileExists(atPath: clips) else { return }
    try FileManager.default.removeItem(atPath: clips)
  }

  // MARK: Inputs

  /// All inputs, each looked at; throws ``PayloadFaults`` with all that are not what they should be.
  private func bringInputs() async throws -> (images: [String], audio: String?) {
    let probe = MediaProbe(program: configuration.ffprobe, timeLimit: configuration.probeTimeout)
    var faults: [PayloadFault] = []
    var images: [InputReference: String] = [:]
    for (index, image) in request.images.enumerated() where images[image] == nil {
      do {
        let pointer = "/images/\(index)"
        let path = try await configuration.inputs.fetch(image, number: index, at: pointer, for: job)
        let found = try await probe.look(
          at: path, under: MediaGuards.pictures, pointer: pointer, wanted: "an image", for: job)
        guard found.hasVideo else { throw PayloadFault(pointer, "is not an image that can be read, or is too large") }
        images[image] = path
      } catch let fault as PayloadFault {
        faults.append(fault)
      }
    }
    var audio: String?
    if let reference = request.audio {
      do {
        let path = try await configuration.inputs.fetch(reference, number: request.images.count, at: "/audio", for: job)
        let found = try await probe.look(
          at: path, under: MediaGuards.media, pointer: "/audio", wanted: "audio", for: job)
        guard found.hasAudio else { throw PayloadFault("/audio", "holds no sound") }
        audio = path
      } catch let fault as PayloadFault {
        faults.append(fault)
      }
    }
    if !faults.isEmpty { throw PayloadFaults(faults) }
    return (request.images.compactMap { images[$0] }, audio)
  }

  // MARK: The three steps of ffmpeg

  private static let quiet = ["-hide_banner", "-loglevel", "error", "-nostdin", "-nostats"]

  private func makeClip(_ index: Int, of images: [String]) async throws -> JobFailure? {
    let rate = ["-r", "\(SlideshowTimeline.rate)"]
    var arguments = Self.quiet
    var transition: (name: String, frames: Int)?
    if index > 0, let name = request.transition.filterName {
      transition = (name, timeline.transitionFrames(of: index))
      arguments += MediaGuards.pictures + rate + ["-i", "file:\(images[index - 1])"]
    }
    arguments += MediaGuards.pictures + rate + ["-i", "file:\(images[index])"]
    let frames = timeline.frames(of: index)
    arguments += [
      "-filter_complex", SlideshowFilters.graph(request.size, frames: frames, transition: transition),
      "-map", "[clip]", "-frames:v", "\(frames)", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "12",
    ]
    arguments += SlideshowFilters.colours
    arguments += [
      "-fs", "\(configuration.outputLimit)", "-y", "file:\(clips)/\(index).mkv",
    ]
    return try await run(arguments)
  }

  /// The music as it goes into the video: no longer than that.
  private func cutMusic(_ audio: String) async throws -> JobFailure? {
    try await run(
      Self.quiet + MediaGuards.media + [
        "-i", "file:\(audio)", "-map", "0:a:0", "-t", "\(timeline.length)", "-c:a", "aac", "-b:a", "192k",
        "-ac", "2", "-map_metadata", "-1", "-y", "file:\(music)",
      ])
  }

  private func encode(_ output: String, hasMusic: Bool) async throws -> JobFailure? {
    var arguments =
      Self.quiet + ["-progress", "pipe:1"] + MediaGuards.ownFiles + ["-f", "concat", "-i", "file:\(list)"]
    if hasMusic { arguments += MediaGuards.ownFiles + ["-i", "file:\(music)", "-map", "0:v", "-map", "1:a"] }
    arguments += [
      // By the time and not by frames: ffmpeg ends the sound too when the last frame goes into the encoder, most of a
      // second before it comes out.
      "-r", "\(SlideshowTimeline.rate)", "-t", "\(timeline.length)", "-c:v", "libx264", "-preset", "veryfast",
      "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "copy",
    ]
    arguments += SlideshowFilters.colours
    if request.output.fileExtension != "mkv" { arguments += ["-movflags", "+faststart"] }
    arguments += ["-fs", "\(configuration.outputLimit)", "-y", "file:\(output)"]
    let expected = Duration.seconds(timeline.length)
    return try await run(arguments) { update in
      var progress = update.progress(of: expected)
      progress.percent = progress.percent.map { 70 + $0 * 0.29 }
      job.report(progress)
    }
  }

  /// Nil where ffmpeg ended well.
  private func run(
    _ arguments: [String], _ heard: @escaping @Sendable (FFmpegProgress.Update) -> Void = { _ in }
  ) async throws -> JobFailure? {
    let progress = Mutex(FFmpegProgress())
    let errors = LastLines(limit: 8)
    let exit = try await job.run(
      ChildCommand(configuration.ffmpeg, arguments),
      onOutput: { line in if let update = progress.withLock({ $0.feed(line) }) { heard(update) } },
      onError: { [folder] in errors.append($0.replacing(folder, with: "")) })
    return exit == .status(0) ? nil : JobFailure(exit, of: "ffmpeg", saying: errors.text)
  }
}

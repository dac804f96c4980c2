import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite(
  "The slideshow worker", .timeLimit(.minutes(3)),
  .enabled(if: Media.isAvailable, "ffmpeg and ffprobe are not installed"))
struct SlideshowWorkerTests {
  /// Pictures as uploads of alice's, by their references.
  private func pictures(_ colours: [(colour: String, size: String, type: String)], _ workshop: Workshop) async throws
    -> String
  {
    var references: [String] = []
    for (index, picture) in colours.enumerated() {
      let path = workshop.folder.path("\(index).\(picture.type)")
      _ = try await Media.picture(picture.colour, picture.size, at: path)
      references.append(try await Media.upload(path, to: workshop.store))
    }
    return references.map { "\"\($0)\"" }.joined(separator: ",")
  }

  @Test("shows images of any size and form one after the other, with music, and tells each step as it is documented")
  func video() async throws {
    let workshop = await Workshop([SlideshowWorker()])
    let images = try await pictures(
      [
        ("red", "400x300", "png"), ("lime", "100x400", "jpg"), ("blue", "64x64", "gif"), ("white", "900x30", "bmp"),
        ("yellow", "320x240", "webp"),
      ], workshop)
    let tone = try await Media.make("sine=d=20", at: workshop.folder.path("tone.mp3"))
    let audio = try await Media.upload(tone, to: workshop.store)
    let job = await workshop.broker.add(
      "slideshow",
      #"{"images":[\#(images)],"audio":"\#(audio)","duration":0.4,"resolution":"320x240","session":"s-1","audio_name":"a-1"}"#
    )
    guard case .complete(let result?) = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    let artifact = try #require(try await workshop.store.artifacts(of: job).first)
    let told = try JSONDocument(bytes: result.bytes).root
    #expect(artifact.name.description == "output.mp4")
    #expect(told["file_size"]?.int == artifact.size)
    #expect(told["duration"]?.double == 2)
    #expect(told["artifacts"]?.array?.first?["url"]?.string == "/v1/artifacts/\(job)/output.mp4")
    let found = try await Media.probe(artifact.path ?? "")
    #expect(found.streams == ["h264x320x240", "aac"])
    #expect(abs(found.seconds - 2) < 0.1, "the music ends with the video")
    let lengths = try await Media.lengths(of: artifact.path ?? "")
    #expect(lengths.count == 2 && lengths.allSatisfy { abs($0 - 2) < 0.1 }, "the music goes on to the end: \(lengths)")
    let wanted: [(name: String, range: [ClosedRange<Int>])] = [
      ("red", [200...255, 0...60, 0...60]), ("lime", [0...60, 200...255, 0...60]),
      ("blue", [0...60, 0...60, 150...255]), ("white", [200...255, 200...255, 200...255]),
      ("yellow", [200...255, 200...255, 0...60]),
    ]
    for (index, colour) in wanted.enumerated() {
      let seen = try await Media.colour(of: (artifact.path ?? ""), at: Double(index) * 0.4 + 0.2, x: 160, y: 120)
      #expect(zip(colour.range, seen).allSatisfy { $0.contains($1) }, "\(colour.name) in the middle, not \(seen)")
    }
    // Letterboxed: the second is high, the fourth wide.
    for (seconds, x, y) in [(0.6, 4, 120), (1.4, 160, 4)] {
      let seen = try await Media.colour(of: (artifact.path ?? ""), at: seconds, x: x, y: y)
      #expect(seen.allSatisfy { $0 < 30 }, "black beside the image, not \(seen)")
    }
    let lines = [
      "Starting video generation...", "Session: s-1, Duration: 0.4s, Resolution: 320x240", "Found 5 images",
      "Processing image 1/5 (20%)", "Processing image 2/5 (30%)", "Processing image 3/5 (40%)",
      "Processing image 4/5 (50%)", "Processing image 5/5 (60%)", "Concatenating 5 clips...", "Adding audio: a-1",
      "Audio added successfully", "Setting resolution to 320x240",
      "Encoding video to /v1/artifacts/\(job)/output.mp4...", "Cleaning up clips...",
      "✅ Video generation complete! Size: \(artifact.size) bytes",
    ]
    #expect(await workshop.broker.lines == lines.map { "[\(job)] \($0)" })
    let progress = await workshop.broker.progress(of: job)
    let percents = progress.compactMap(\.percent)
    #expect(percents == percents.sorted() && percents.allSatisfy { $0 < 100 } && percents.last == 99)
    let seen = Set(progress.compactMap(\.message))
    for image in 1...5 { #expect(seen.contains("Processing image \(image)/5")) }
    await workshop.close()
  }

  @Test("lets an image come over the one before, and ends without music where there is none or too little")
  func transition() async throws {
    let workshop = await Workshop([SlideshowWorker()])
    let images = try await pictures(
      [("red", "32x32", "png"), ("blue", "32x32", "png"), ("red", "32x32", "jpg")], workshop)
    let tone = try await Media.make("sine=d=0.5", at: workshop.folder.path("tone.wav"))
    let audio = try await Media.upload(tone, to: workshop.store)
    let silent = await workshop.broker.add(
      "slideshow",
      #"{"images":[\#(images)],"duration":2,"transition":"fade","resolution":"64x64","output":"out.mkv"}"#)
    let short = await workshop.broker.add(
      "slideshow", #"{"images":[\#(images)],"audio":"\#(audio)","duration":2,"transition":"zoom","resolution":"64x64"}"#
    )
    for job in [silent, short] {
      guard case .complete = await workshop.broker.settlement(of: job) else {
        Issue.record("not completed: \(await workshop.broker.settlements)")
        continue
      }
      let artifact = try #require(try await workshop.store.artifacts(of: job).first)
      let found = try await Media.probe(artifact.path ?? "")
      #expect(found.streams == (job == silent ? ["h264x64x64"] : ["h264x64x64", "aac"]))
      #expect(abs(found.seconds - 6) < 0.1)
    }
    let path = try #require(try await workshop.store.artifacts(of: silent).first?.path)
    let (before, amid, after) = (
      try await Media.colour(of: path, at: 1.8, x: 32, y: 32), try await Media.colour(of: path, at: 2.5, x: 32, y: 32),
      try await Media.colour(of: path, at: 3.5, x: 32, y: 32)
    )
    #expect(before[0] > 200 && before[2] < 60)
    #expect((60..<200).contains(amid[0]) && (60..<200).contains(amid[2]), "\(amid)")
    #expect(after[0] < 60 && after[2] > 200)
    await workshop.close()
  }

  @Test("knows no transition that ffmpeg does not know")
  func transitions() async throws {
    let help = String(decoding: try await Media.run("ffmpeg", ["-hide_banner", "-h", "filter=xfade"]), as: UTF8.self)
    let known = Set(help.split(whereSeparator: \.isWhitespace).map(String.init))
    for transition in SlideshowTransition.allCases {
      if let name = transition.filterName { #expect(known.contains(name), "\(transition)") }
    }
  }

  @Test("turns a photograph as its camera was held")
  func orientation() async throws {
    let workshop = await Workshop([SlideshowWorker()])
    // Left half red, right half blue; turned by a quarter to the right, red is above.
    let path = try await Media.make(
      "color=c=red:s=64x64,drawbox=x=32:y=0:w=32:h=64:c=blue:t=fill", ["-frames:v", "1"],
      at: workshop.folder.path("photo.jpg"))
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let exif: [UInt8] =
      Array("Exif\0\0II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
    bytes.insert(contentsOf: [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif, at: 2)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let photo = try await Media.upload(path, to: workshop.store)
    let job = await workshop.broker.add(
      "slideshow", #"{"images":["\#(photo)"],"duration":0.2,"resolution":"64x64"}"#)
    guard case .complete = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    let video = try #require(try await workshop.store.artifacts(of: job).first?.path)
    let above = try await Media.colour(of: video, at: 0, x: 32, y: 8)
    let below = try await Media.colour(of: video, at: 0, x: 32, y: 56)
    #expect(above[0] > 150 && above[2] < 100 && below[0] < 100 && below[2] > 150, "\(above) over \(below)")
    await workshop.close()
  }

  @Test("refuses what is no image and what is no music, each by its place, and opens nothing that they name")
  func untrusted() async throws {
    let workshop = await Workshop([SlideshowWorker()])
    let clip = try await Media.clip(seconds: 1, at: workshop.folder.path("clip.mkv"))
    var references = [try await Media.upload(clip, to: workshop.store)]
    for (index, text) in [
      "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
      "ffconcat version 1.0\nfile '/etc/passwd'\n",
      "<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "no image",
    ].enumerated() {
      references.append(try await Media.upload(try workshop.folder.write(text, to: "\(index)"), to: workshop.store))
    }
    let good = try await pictures([("red", "32x32", "png")], workshop)
    let list = references.map { "\"\($0)\"" }.joined(separator: ",")
    let job = await workshop.broker.add(
      "slideshow", #"{"images":[\#(good),\#(list)],"audio":"\#(references[1])"}"#)
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("such images were taken")
      return
    }
    #expect(failure.code == "bad_input")
    for pointer in ["/images/1", "/images/2", "/images/3", "/images/4", "/images/5", "/audio"] {
      #expect(failure.message.contains("\(pointer) "))
    }
    #expect(!failure.message.contains("/images/0 ") && !failure.message.contains(workshop.folder.path))
    await workshop.close()
  }

  @Test("does not open a picture whose pixels would fill the memory")
  func bombs() async throws {
    let workshop = await Workshop([SlideshowWorker()])
    // The head of a PNG of 10001 by 10000 pixels; hardly anything follows it.
    let head: [UInt8] =
      [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 13] + Array("IHDR".utf8)
      + [0, 0, 0x27, 0x11, 0, 0, 0x27, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8] + Array("IDAT".utf8)
      + [0x78, 0x9C, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0] + Array("IEND".utf8) + [0, 0, 0, 0]
    let path = workshop.folder.path("huge.png")
    try Data(head).write(to: URL(fileURLWithPath: path))
    let picture = try await Media.upload(path, to: workshop.store)
    let job = await workshop.broker.add("slideshow", #"{"images":["\#(picture)"]}"#)
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("it was opened")
      return
    }
    #expect(failure.code == "bad_input" && failure.message.hasPrefix("/images/0 is not an image"))
    await workshop.close()
  }

  @Test("leaves no clips behind, whether it ends well or not")
  func cleaning() async throws {
    let workshop = await Workshop([SlideshowWorker()])
    let images = try await pictures([("red", "32x32", "png"), ("blue", "32x32", "png")], workshop)
    // Fails with its third clip: the encoding.
    let failing = try workshop.folder.write(
      #"""
      #!/bin/sh
      for last; do :; done
      case "$last" in *.mkv) ;; *) ls "$(dirname "${last#file:}")/clips" >&2; exit 1;; esac
      exec ffmpeg "$@"
      """#, to: "ffmpeg")
    #expect(chmod(failing, 0o700) == 0)
    let other = await Workshop([SlideshowWorker(.init(ffmpeg: failing))])
    let image = try await pictures([("red", "32x32", "png"), ("blue", "32x32", "png")], other)
    let good = await workshop.broker.add("slideshow", #"{"images":[\#(images)],"duration":0.2,"resolution":"64x64"}"#)
    let bad = await other.broker.add("slideshow", #"{"images":[\#(image)],"duration":0.2,"resolution":"64x64"}"#)
    guard case .complete = await workshop.broker.settlement(of: good),
      case .fail(let failure, .byPolicy) = await other.broker.settlement(of: bad)
    else {
      Issue.record("\(await workshop.broker.settlements) \(await other.broker.settlements)")
      return
    }
    #expect(failure.code == "exit_status")
    #expect(failure.message.contains("0.mkv\n1.mkv"), "the clips were there: \(failure.message)")
    #expect(await other.broker.lines.last == "[\(bad)] Cleaning up clips...")
    for shop in [workshop, other] {
      await shop.close()
      let left = FileManager.default.enumerator(atPath: shop.store.root)?.allObjects as? [String] ?? []
      #expect(!left.contains { $0.contains("clips") }, "\(left)")
    }
  }
}

import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite(
  "The ffmpeg worker", .timeLimit(.minutes(2)),
  .enabled(if: Media.isAvailable, "ffmpeg and ffprobe are not installed"))
struct FFmpegWorkerTests {
  /// A clip of so many seconds as an upload of alice's.
  private func clip(seconds: Int, in workshop: Workshop) async throws -> String {
    let path = try await Media.clip(seconds: seconds, at: workshop.folder.path("clip.mkv"))
    return try await Media.upload(path, to: workshop.store)
  }

  @Test("transcodes an upload, tells its progress, and publishes the output")
  func transcoding() async throws {
    let workshop = await Workshop([FFmpegWorker()])
    let upload = try await clip(seconds: 4, in: workshop)
    let job = await workshop.broker.add(
      "ffmpeg",
      #"{"input":"\#(upload)","output":"out.mp4","arguments":["-c:v","mpeg4","-vf","scale=160:-2","-c:a","aac","-b:a","64k"]}"#
    )
    guard case .complete(let result?) = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    let artifact = try #require(try await workshop.store.artifacts(of: job).first)
    #expect(artifact.name.description == "out.mp4")
    #expect(artifact.size > 1000)
    let told = try JSONDocument(bytes: result.bytes).root["artifacts"]?.array?.first
    #expect(told?["url"]?.string == "/v1/artifacts/\(job)/out.mp4")
    #expect(told?["bytes"]?.int == artifact.size)
    #expect(told?["content_type"]?.string == "video/mp4")
    let progress = await workshop.broker.progress(of: job)
    #expect(progress.first?.stage == "probing")
    let last = try #require(progress.last)
    #expect(last.stage == "encoding")
    #expect(try #require(last.percent) > 90)
    #expect(try JSONDocument(bytes: #require(last.details).bytes).root["frame"]?.int == 100)
    await workshop.close()
  }

  @Test("ends ffmpeg when its job is cancelled")
  func cancellation() async throws {
    let workshop = await Workshop([FFmpegWorker()])
    let upload = try await clip(seconds: 10, in: workshop)
    // A picture so large and an output so slow that it does not end by itself in this test's time.
    let job = await workshop.broker.add(
      "ffmpeg",
      #"{"input":"\#(upload)","output":"out.mkv","arguments":["-vf","scale=3840:2160,fps=240","-c:v","ffv1"]}"#
    )
    await workshop.broker.until {
      workshop.broker.progress(of: job).contains { $0.stage == "encoding" }
    }
    await workshop.broker.direct(.cancel(job, forced: false))
    guard case .cancel = await workshop.broker.settlement(of: job) else {
      Issue.record("not cancelled")
      return
    }
    #expect(try await workshop.store.artifacts(of: job).isEmpty)
    await workshop.close()
  }

  @Test(
    "does not read other files that an upload names",
    arguments: [
      "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
      "ffconcat version 1.0\nfile '/etc/passwd'\n",
      "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
      "<?xml version=\"1.0\"?><MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>",
      "no media at all",
    ])
  func playlists(_ text: String) async throws {
    let workshop = await Workshop([FFmpegWorker()])
    let file = try workshop.folder.write(text, to: "list")
    let upload = try await Media.upload(file, to: workshop.store)
    let job = await workshop.broker.add(
      "ffmpeg", #"{"input":"\#(upload)","output":"out.mp4"}"#)
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("such an input was taken")
      return
    }
    #expect(failure.code == "bad_input")
    #expect(!failure.message.contains(workshop.folder.path))
    await workshop.close()
  }

  @Test("refuses bad arguments before anything is started, naming each")
  func badArguments() async throws {
    let workshop = await Workshop([
      FFmpegWorker(.init(ffmpeg: "not-installed", ffprobe: "not-installed"))
    ])
    let job = await workshop.broker.add(
      "ffmpeg",
      #"{"input":"file:///etc/passwd","output":"out.mp4","arguments":["-attach","x","-vf","movie=x"]}"#
    )
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("bad arguments were taken")
      return
    }
    #expect(failure.code == "bad_input")
    for word in ["/input", "/arguments/0", "-attach", "/arguments/3", "movie"] {
      #expect(failure.message.contains(word))
    }
    await workshop.close()
  }

  @Test("fails an output that reaches its limit")
  func outputLimit() async throws {
    let workshop = await Workshop([FFmpegWorker(.init(outputLimit: 20_000))])
    let upload = try await clip(seconds: 4, in: workshop)
    let job = await workshop.broker.add(
      "ffmpeg", #"{"input":"\#(upload)","output":"out.wav","arguments":["-vn"]}"#)
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("the output was taken")
      return
    }
    #expect(failure.code == "output_too_large")
    await workshop.close()
  }
}

import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Workers

@Suite("A command line for ffmpeg") struct FFmpegCommandLineTests {
  private static let inputs: Set<String> = ["input.mp4", "logo.png", "my song.mp3"]
  private static let output = ArtifactName("output.mp4")

  private func read(_ line: String) throws -> FFmpegCommandLine {
    try FFmpegCommandLine(line, inputs: Self.inputs, output: Self.output)
  }

  @Test(
    "may be what transcoding needs",
    arguments: [
      "-i input.mp4 output.mp4", "ffmpeg -i input.mp4 output.mp4",
      "-y -hide_banner -loglevel error -i input.mp4 output.mp4",
      "-i input.mp4 -c:v libx264 -crf 23 -vf 'scale=640:-2,fps=30' -c:a copy output.mp4",
      "-ss 00:00:10 -t 5 -i input.mp4 -c copy output.mp4", "-i input.mp4 -ss 1.5 -to 3 -y output.mp4",
      "-i input.mp4 -i logo.png -filter_complex \"[0:v][1:v]overlay=W-w-10:10[v]\" -map '[v]' -map 0:a? output.mp4",
      "-i input.mp4 -i 'my song.mp3' -map 0:v -map 1:a:0 -shortest output.mp4",
      "-loop 1 -framerate 25 -i logo.png -i 'my song.mp3' -shortest -pix_fmt yuv420p output.mp4",
      "-i input.mp4 -i input.mp4 -filter_complex [0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1[v][a] -map [v] -map [a] output.mp4",
      "-thread_queue_size 512 -probesize 50M -i input.mp4 output.mp4",
      "-stream_loop -1 -i input.mp4 -t 60 -map_metadata 0 output.mp4",
      "-i input.mp4 -vn -ab 128k -q:a 0 -map a output.mp4",
      "-i input.mp4 -vf 'fps=10,split[a][b];[a]palettegen[p];[b][p]paletteuse' output.mp4",
      "-i input.mp4 -metadata title='a; rm -rf $HOME `x`' output.mp4",
    ])
  func allowed(_ line: String) throws {
    let command = try read(line)
    #expect(!command.inputs.isEmpty)
    #expect(!command.arguments.words.contains { ["-y", "-i", "-hide_banner", "-loglevel", "output.mp4"].contains($0) })
  }

  @Test("gives each input what stands before it, and the output the rest")
  func parts() throws {
    let command = try read("-ss 5 -t 2 -i input.mp4 -itsoffset 1 -an -i logo.png -c:v libx264 -to 9 output.mp4")
    #expect(command.inputs.map(\.name) == ["input.mp4", "logo.png"])
    #expect(command.inputs.map(\.options) == [["-ss", "5", "-t", "2"], ["-itsoffset", "1", "-an"]])
    #expect(command.arguments.words == ["-c:v", "libx264", "-to", "9"])
    #expect(command.inputs[0].span.expectedLength(of: .seconds(60)) == .seconds(2))
    #expect(command.arguments.expectedLength(of: [.seconds(2), .seconds(30)]) == .seconds(9))
  }

  @Test(
    "may not reach beyond the job's inputs and output",
    arguments: [
      "", "ffmpeg", "output.mp4", "-i input.mp4", "-c copy output.mp4", "-i input.mp4 other.mp4", "-i output.mp4",
      // Other inputs.
      "-i /etc/passwd output.mp4", "-i ../input.mp4 output.mp4", "-i ./input.mp4 output.mp4",
      "-i file:input.mp4 output.mp4", "-i file:/etc/passwd output.mp4", "-i 'concat:input.mp4|/etc/passwd' output.mp4",
      "-i http://example.org/a.mp4 output.mp4", "-i https://169.254.169.254/ output.mp4", "-i pipe:0 output.mp4",
      "-i - output.mp4", "-i 'subfile,,start,0,end,9,,:/etc/passwd' output.mp4", "-i data:text/plain,x output.mp4",
      "-i crypto:input.mp4 output.mp4", "-i cache:input.mp4 output.mp4", "-i input%d.mp4 output.mp4",
      "-i INPUT.mp4 output.mp4", "-i 'input.mp4 ' output.mp4", "-i input.mp4 -i x output.mp4", "-i '' output.mp4",
      "-f lavfi -i testsrc output.mp4", "-f lavfi -i movie=/etc/passwd output.mp4", "-f concat -i input.mp4 output.mp4",
      "-f image2 -i input.mp4 output.mp4", "-f v4l2 -i input.mp4 output.mp4", "-f hls -i input.mp4 output.mp4",
      "-safe 0 -i input.mp4 output.mp4", "-protocol_whitelist all -i input.mp4 output.mp4",
      "-format_whitelist hls -i input.mp4 output.mp4", "-enable_drefs 1 -i input.mp4 output.mp4",
      "-use_absolute_path 1 -i input.mp4 output.mp4", "-pattern_type glob -i input.mp4 output.mp4",
      "-hwaccel cuda -i input.mp4 output.mp4", "-init_hw_device x -i input.mp4 output.mp4",
      "-c:v h264 -i input.mp4 output.mp4", "-vf null -i input.mp4 output.mp4", "-re -i input.mp4 output.mp4",
      // Other outputs.
      "-i input.mp4 output.mp4 output.mp4", "-i input.mp4 /tmp/x.mp4 output.mp4", "-i input.mp4 output.mp4 x.mp4",
      "-i input.mp4 ../output.mp4", "-i input.mp4 file:output.mp4", "-i input.mp4 -f tee 'a.mp4|output.mp4' output.mp4",
      "-i input.mp4 tee:output.mp4", "-i input.mp4 -f hls output.mp4", "-i input.mp4 -f segment output.mp4",
      "-i input.mp4 -f image2 output.mp4", "-i input.mp4 -f rtp output.mp4", "-i input.mp4 pipe:1 output.mp4",
      "-i input.mp4 out%03d.png output.mp4", "-i input.mp4 -- output.mp4", "-i input.mp4 - output.mp4",
      "-i input.mp4 http://example.org/x output.mp4",
      // Options that read or write.
      "-report -i input.mp4 output.mp4", "-i input.mp4 -progress http://x output.mp4", "-i input.mp4 -dump output.mp4",
      "-i input.mp4 -progress x output.mp4", "-i input.mp4 -vstats_file x output.mp4",
      "-i input.mp4 -vstats output.mp4",
      "-i input.mp4 -attach /etc/passwd output.mp4", "-dump_attachment:t x -i input.mp4 output.mp4",
      "-i input.mp4 -filter_script:v x output.mp4", "-i input.mp4 -filter_complex_script x output.mp4",
      "-i input.mp4 -/filter_complex /etc/passwd output.mp4", "-i input.mp4 -/vf x output.mp4",
      "-i input.mp4 -lavfi movie=x output.mp4", "-i input.mp4 -passlogfile x output.mp4",
      "-i input.mp4 -pass 1 output.mp4",
      "-i input.mp4 -fpre x output.mp4", "-i input.mp4 -vpre x output.mp4", "-i input.mp4 -sdp_file x output.mp4",
      "-i input.mp4 -x264-params stats=/tmp/x output.mp4", "-i input.mp4 -x264opts stats=x output.mp4",
      "-i input.mp4 -hls_segment_filename x output.mp4", "-i input.mp4 -debug_ts output.mp4",
      "-i input.mp4 -fs 1 output.mp4",
      "-i input.mp4 -bsf:v x output.mp4", "-i input.mp4 -stdin output.mp4", "-i input.mp4 -stats_enc_pre x output.mp4",
      "-i input.mp4 -loglevel", "-i input.mp4 -crf", "-i", "-i input.mp4 -crf output.mp4",
      // Filters.
      "-i input.mp4 -filter_complex movie=/etc/passwd output.mp4", "-i input.mp4 -vf movie=/etc/passwd output.mp4",
      "-i input.mp4 -vf subtitles=/etc/passwd output.mp4", "-i input.mp4 -vf drawtext=textfile=/etc/passwd output.mp4",
      "-i input.mp4 -filter_complex '[1:v]null' output.mp4",
      "-i input.mp4 -filter_complex '[0:v]null;amovie=x' output.mp4",
      "-i input.mp4 -vf 'split[a][b];movie=x[c];[a][b]overlay' output.mp4",
      "-i input.mp4 -af '[in]amovie=x[out]' output.mp4",
      "-i input.mp4 -vf 'split[a][b];[b]paletteuse=/tmp/x' output.mp4",
      "-filter_complex movie=x -i input.mp4 output.mp4", "-i input.mp4 -vf '[0:v][1:v]overlay' output.mp4",
      // Streams of inputs that there are not.
      "-i input.mp4 -map 1:v output.mp4", "-i input.mp4 -map '[a b]' output.mp4",
      "-i input.mp4 -map_metadata 1 output.mp4", "-i input.mp4 -map x output.mp4", "-i input.mp4 -map a:b output.mp4",
      "-i input.mp4 -map 0:m:language:eng output.mp4",
      // Not to be cut into words.
      "-i 'input.mp4 output.mp4", "-i \"input.mp4 output.mp4", "-i input.mp4 output.mp4\\",
      "-i input.mp4\u{0} output.mp4",
    ])
  func refused(_ line: String) {
    do {
      _ = try read(line)
      Issue.record("it was taken")
    } catch let error as PayloadFaults {
      #expect(!error.faults.isEmpty)
      #expect(error.faults.allSatisfy { $0.pointer == "/command" })
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test("is judged whole: every fault is told")
  func allFaults() throws {
    do {
      _ = try read("-f lavfi -i movie=x -i input.mp4 stray.mp4 -attach x -crf high -vf movie=y output.mp4")
      Issue.record("it was taken")
    } catch let error as PayloadFaults {
      let text = error.faults.map(\.reason).joined(separator: "\n")
      for word in ["-f may not stand", "movie=x", "stray.mp4", "-attach", "high", "movie"] {
        #expect(text.contains(word))
      }
      #expect(error.faults.count == 6)
    }
    #expect(throws: PayloadFaults.self) {
      try read(String(repeating: "-i input.mp4 ", count: 17) + "output.mp4")
    }
    #expect(throws: PayloadFaults.self) {
      try read("-i input.mp4 -metadata a=\(String(repeating: "x", count: 17 << 10)) output.mp4")
    }
  }

  @Test("tells how long the output will be, of all that is read")
  func length() throws {
    func length(_ options: String, _ lengths: [Duration?]) throws -> Duration? {
      try read("-i input.mp4 -i logo.png \(options) output.mp4").arguments.expectedLength(of: lengths)
    }
    #expect(try length("", [.seconds(4), .seconds(9)]) == .seconds(9))
    #expect(try length("-shortest", [.seconds(4), .seconds(9)]) == .seconds(4))
    #expect(try length("-shortest", [.seconds(4), nil]) == .seconds(4))
    #expect(try length("", [.seconds(4), nil]) == nil)
    #expect(try length("-t 3", [.seconds(4), nil]) == .seconds(3))
    #expect(try length("-filter_complex [0:v][1:v]concat", [.seconds(4), .seconds(9)]) == .seconds(13))
  }

  // MARK: The payload

  @Test("comes in a payload that is read strictly")
  func payload() {
    let input = #""upload:upl_\#(String(repeating: "0", count: 32))""#
    #expect(
      FFmpegRequest.faults(in: #"{"command":"-i a.mp4 out.mp4","inputs":{"a.mp4":\#(input)},"output":"out.mp4"}"#) == []
    )
    #expect(
      FFmpegRequest.faults(
        in:
          #"{"command":"-i a.mp4 o.mp4","inputs":{"a.mp4":"https://example.org/a.mp4","b":\#(input)},"output":"o.mp4"}"#
      )
        == [])
    #expect(
      FFmpegRequest.faults(in: #"{"command":1,"inputs":[],"output":"../x"}"#) == ["/inputs", "/output", "/command"])
    #expect(
      FFmpegRequest.faults(in: #"{"inputs":{},"input":\#(input),"output":"o.mp4"}"#) == [
        "/input", "/inputs", "/command",
      ])
    #expect(
      FFmpegRequest.faults(
        in:
          #"{"command":"-i a/b o.mp4","inputs":{"a/b":\#(input),"~x":"file:///etc/passwd","-i":\#(input)},"output":"o.mp4"}"#
      )
        == ["/inputs/a~1b", "/inputs/~0x", "/inputs/-i"])
    #expect(
      FFmpegRequest.faults(in: #"{"command":"-i a -x o.m3u8","inputs":{"a":\#(input)},"output":"o.m3u8"}"#) == [
        "/output", "/command",
      ])
  }

  // MARK: The run

  @Test(
    "is run as it stands, on several inputs, to a playable file", .timeLimit(.minutes(2)),
    .enabled(if: Media.isAvailable, "ffmpeg and ffprobe are not installed"))
  func run() async throws {
    let workshop = await Workshop([FFmpegWorker()])
    let clip = try await Media.clip(seconds: 2, at: workshop.folder.path("clip.mkv"))
    let logo = try await Media.picture("red", "64x64", at: workshop.folder.path("logo.png"))
    let inputs =
      #"{"input.mp4":"\#(try await Media.upload(clip, to: workshop.store))","logo.png":"\#(try await Media.upload(logo, to: workshop.store))"}"#
    let simple = await workshop.broker.add(
      "ffmpeg", #"{"command":"-i input.mp4 output.mp4","inputs":\#(inputs),"output":"output.mp4"}"#)
    let graph = await workshop.broker.add(
      "ffmpeg",
      #"{"command":"-y -t 1 -i input.mp4 -i logo.png -filter_complex '[0:v][1:v]overlay=0:0[v]' -map '[v]' -map 0:a -c:v libx264 out.mp4","inputs":\#(inputs),"output":"out.mp4"}"#
    )
    let cover = await workshop.broker.add(
      "ffmpeg",
      #"{"command":"-loop 1 -t 2 -i logo.png -i input.mp4 -map 0:v -map 1:a -shortest -pix_fmt yuv420p o.mp4","inputs":\#(inputs),"output":"o.mp4"}"#
    )
    for (job, length) in [(simple, 2.0), (graph, 1.0), (cover, 2.0)] {
      guard case .complete = await workshop.broker.settlement(of: job) else {
        Issue.record("not completed: \(await workshop.broker.settlements)")
        continue
      }
      let artifact = try #require(try await workshop.store.artifacts(of: job).first)
      let found = try await Media.probe(artifact.path ?? "")
      #expect(found.streams == [job == cover ? "h264x64x64" : "h264x320x240", "aac"])
      #expect(abs(found.seconds - length) < 0.5)
      if job == graph {
        let colour = try await Media.colour(of: (artifact.path ?? ""), at: 0.4, x: 30, y: 30)
        #expect(colour[0] > 200 && colour[1] < 60 && colour[2] < 60, "the logo lies over the clip: \(colour)")
      }
      #expect(try #require(await workshop.broker.progress(of: job).last?.percent) > 90)
    }
    await workshop.close()
  }

  @Test(
    "opens inputs of the web, each by its own name, and fetches none that it does not open", .timeLimit(.minutes(1)),
    .enabled(if: Media.isAvailable, "ffmpeg and ffprobe are not installed"))
  func addresses() async throws {
    let asked = Recorder<String>()
    let server = TinyServer { path in
      asked.add(path)
      let text = "1\n00:00:00,000 --> 00:00:01,000\nsaid by \(path)\n"
      return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)"
    }
    defer { server.close() }
    let fetcher = InputFetcher(InputFetcher.Limits(allowsPrivateAddresses: true))
    let workshop = await Workshop([FFmpegWorker(.init(inputs: fetcher))])
    let base = "http://127.0.0.1:\(server.port)"
    let job = await workshop.broker.add(
      "ffmpeg",
      #"{"command":"-i a.srt -i b.srt -map 1 out.vtt","inputs":{"a.srt":"\#(base)/one","b.srt":"\#(base)/two","c":"\#(base)/three"},"output":"out.vtt"}"#
    )
    guard case .complete = await workshop.broker.settlement(of: job) else {
      Issue.record("not completed: \(await workshop.broker.settlements)")
      return
    }
    let artifact = try #require(try await workshop.store.artifacts(of: job).first)
    let text = try String(contentsOfFile: (artifact.path ?? ""), encoding: .utf8)
    #expect(text.contains("said by /two") && !text.contains("/one"))
    #expect(asked.all == ["/one", "/two"])
    await workshop.close()
  }

  @Test(
    "does not read other files that an input names", .timeLimit(.minutes(2)),
    .enabled(if: Media.isAvailable, "ffmpeg and ffprobe are not installed"),
    arguments: [
      "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
      "ffconcat version 1.0\nfile '/etc/passwd'\n", "no media at all",
    ])
  func playlists(_ text: String) async throws {
    let workshop = await Workshop([FFmpegWorker()])
    let clip = try await Media.clip(seconds: 1, at: workshop.folder.path("clip.mkv"))
    let list = try workshop.folder.write(text, to: "list")
    let (good, bad) = (
      try await Media.upload(clip, to: workshop.store), try await Media.upload(list, to: workshop.store)
    )
    let job = await workshop.broker.add(
      "ffmpeg",
      #"{"command":"-i a.mp4 -i b.m3u8 o.mp4","inputs":{"a.mp4":"\#(good)","b.m3u8":"\#(bad)"},"output":"o.mp4"}"#)
    guard case .fail(let failure, .never) = await workshop.broker.settlement(of: job) else {
      Issue.record("such an input was taken")
      return
    }
    #expect(failure.code == "bad_input")
    #expect(failure.message.hasPrefix("/inputs/b.m3u8 "))
    #expect(!failure.message.contains(workshop.folder.path))
    await workshop.close()
  }
}

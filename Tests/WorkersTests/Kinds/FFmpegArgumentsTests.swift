import Jobs
import Testing

@testable import Workers

@Suite("The arguments for ffmpeg") struct FFmpegArgumentsTests {
  private static let upload = "upload:upl_" + String(repeating: "0", count: 32)

  @Test(
    "may be what transcoding needs",
    arguments: [
      [],
      ["-c:v", "libx264", "-preset", "veryfast", "-vf", "scale=640:-2"],
      ["-c:v", "libx264", "-crf", "23", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"],
      ["-codec:v:0", "copy", "-codec:a:1", "libopus", "-an", "-sn"],
      ["-ss", "1:02.5", "-t", "30", "-to", "500ms"],
      ["-vf", "scale='min(640,iw)':-2,fps=30"], ["-vf", #"scale=min(640\,iw):-2"#],
      ["-vf", "scale=iw/2:ih/2, crop=in_w-2*10:in_h"], ["-filter:a", "volume=0.5,loudnorm=I=-16"],
      ["-af", "pan=stereo|c0=c0|c1=c1"], ["-r", "30000/1001"], ["-s", "1280x720"], ["-s", "hd720"],
      ["-map", "0:v:0", "-map", "-0:s", "-map", "0:a?"], ["-map_metadata", "-1"],
      ["-metadata", "title=Ein Titel: \"mit\" allem /etc/passwd"],
      ["-metadata:s:a:0", "language=deu"],
      ["-f", "mp4"], ["-pix_fmt", "yuv420p"], ["-frames:v", "1", "-update", "1"],
    ])
  func allowed(_ words: [String]) throws {
    #expect(try FFmpegArguments(words).words == words)
  }

  @Test(
    "may not reach beyond the job",
    arguments: [
      // Other inputs and outputs.
      ["-i", "/etc/passwd"], ["out2.mp4"], ["/tmp/out.mp4"], ["--", "x"], ["-"], [""],
      ["-c:v", "copy", "../up.mp4"], ["-f", "lavfi"], ["-f", "concat"], ["-f", "tee"],
      ["-f", "hls"],
      ["-f", "segment"], ["-f", "image2"], ["-f", "rtp"], ["-f", "data"], ["-f", "null"],
      // Options that read or write files.
      ["-attach", "/etc/passwd"], ["-dump_attachment:t", "x"], ["-dump_attachment", "x"],
      ["-report"], ["-filter_script", "x"], ["-filter_script:v", "x"], ["-/filter:v", "x"],
      ["-/vf", "/etc/passwd"], ["-filter_complex", "movie=/etc/passwd"], ["-lavfi", "x"],
      ["-filter_complex_script", "x"], ["-passlogfile", "x"], ["-pass", "1"], ["-vstats"],
      ["-vstats_file", "x"], ["-progress", "http://x"], ["-fpre", "x"], ["-vpre", "x"],
      ["-x264-params", "stats=/tmp/x"], ["-x264opts", "stats=/tmp/x"], ["-x265-params", "csv=x"],
      ["-sdp_file", "x"], ["-hls_segment_filename", "x"], ["-init_hw_device", "x"],
      ["-hwaccel", "auto"], ["-vaapi_device", "/dev/x"], ["-protocol_whitelist", "all"],
      ["-format_whitelist", "hls"], ["-y"], ["-n"], ["-stdin"], ["-loglevel", "trace"],
      ["-enable_drefs", "1"], ["-use_absolute_path", "1"], ["-safe", "0"], ["-bsf:v", "x"],
      ["-stream_loop", "-1"], ["-fs", "1"], ["-timelimit", "1"], ["-debug_ts"], ["-cpuflags", "0"],
      // Values of allowed options.
      ["-c:v", "../../x"], ["-c:v", "file:x"], ["-preset", "/etc/x264"], ["-preset", "a/b"],
      ["-map", "1:v"], ["-map", "[x]"], ["-movflags", "+faststart+unknown"], ["-movflags", ""],
      ["-b:v", "1;rm"], ["-b:v", ""], ["-crf"], ["-ss", "now"], ["-ss", "1:2:3:4"], ["-t", "-1"],
      ["-metadata", "title"], ["-metadata", "a=b\nc"], ["-s", "9x"], ["-r", "x"],
      ["-c:v:0:1", "copy"], ["-c:x", "copy"], ["-c:", "copy"], ["-vf:0", "null"], ["-C:v", "copy"],
      ["-c:v:9999", "copy"], ["-an:0"], ["-map_metadata", "0:s:0"],
      // Filters.
      ["-vf", "movie=/etc/passwd"], ["-vf", "null,movie=x"], ["-vf", "null;movie=x"],
      ["-vf", "movie=x[a];[a]null"], ["-vf", "subtitles=/etc/passwd"], ["-vf", "ass=x"],
      ["-vf", "drawtext=textfile=/etc/passwd"], ["-vf", "lut3d=x"], ["-vf", "frei0r=x"],
      ["-vf", "sendcmd=f=x"], ["-vf", "metadata=print:file=x"], ["-vf", "signature=filename=x"],
      ["-vf", "scale=/w=/etc/passwd"], ["-vf", "scale=640:480:/flags=/etc/passwd"],
      ["-vf", "scale= /w=x"], ["-vf", "scale=w=/etc/passwd"], ["-vf", "'movie'=x"],
      ["-vf", "mo'vie'=x"], ["-vf", #"mo\vie=x"#], ["-vf", "scale='1"], ["-vf", "null@x"],
      ["-vf", ""], ["-vf", ","], ["-vf", "null\nmovie"], ["-vf", "cropdetect=stats_file=x"],
      ["-vf", "vidstabdetect=result=x"], ["-vf", "volume=1"], ["-af", "amovie=x"],
      ["-af", "sofalizer=sofa=x"], ["-af", "arnndn=m=x"], ["-af", "loudnorm=stats_file=x"],
      ["-af", "ladspa=x"], ["-filter:a", "scale=1"], ["-filter", "amovie=x"], ["-filter:v", "zmq"],
    ])
  func refused(_ words: [String]) {
    #expect(throws: PayloadFaults.self) { try FFmpegArguments(words) }
  }

  @Test("are all judged at once, each fault with its place")
  func allFaults() throws {
    let words = [
      "-attach", "/etc/passwd", "-crf", "x", "-an", "stray", "-vf", "movie=x", "-crf", "23",
    ]
    do {
      _ = try FFmpegArguments(words)
      Issue.record("bad arguments were taken")
    } catch {
      #expect(
        error.faults.map(\.pointer) == [
          "/arguments/0", "/arguments/3", "/arguments/5", "/arguments/7",
        ])
    }
    let many = [String](repeating: "-an", count: 129)
    #expect(throws: PayloadFaults.self) { try FFmpegArguments(many) }
    #expect(throws: PayloadFaults.self) {
      try FFmpegArguments(["-metadata", "a=" + String(repeating: "x", count: 3000)])
    }
  }

  @Test("tell how long the output will be")
  func length() throws {
    func length(_ words: [String], of duration: Duration?) throws -> Duration? {
      try FFmpegArguments(words).expectedLength(of: [duration])
    }
    #expect(try length([], of: .seconds(10)) == .seconds(10))
    #expect(try length(["-ss", "4"], of: .seconds(10)) == .seconds(6))
    #expect(try length(["-ss", "4", "-to", "6"], of: .seconds(10)) == .seconds(2))
    #expect(try length(["-t", "1:00"], of: .seconds(10)) == .seconds(10))
    #expect(try length(["-t", "2500ms"], of: nil) == .milliseconds(2500))
    #expect(try length(["-ss", "20"], of: .seconds(10)) == .zero)
    #expect(try length([], of: nil) == nil)
  }

  // MARK: The payload

  @Test("come in a payload that is read strictly")
  func payload() {
    let input = Self.upload
    #expect(FFmpegRequest.faults(in: #"{"input":"\#(input)","output":"out.mp4"}"#) == [])
    #expect(
      FFmpegRequest.faults(in: #"{"input":"https://example.org/a.mp4","output":"a b.mkv","arguments":["-an"]}"#) == []
    )
    #expect(FFmpegRequest.faults(in: "[]") == [""])
    #expect(FFmpegRequest.faults(in: "{}") == ["/input", "/output"])
    #expect(
      FFmpegRequest.faults(in: #"{"input":1,"output":2,"arguments":{}}"#) == ["/input", "/output", "/arguments"])
    #expect(
      FFmpegRequest.faults(in: #"{"input":"\#(input)","output":"out.mp4","arguments":["-an",3]}"#) == ["/arguments/1"]
    )
    #expect(FFmpegRequest.faults(in: #"{"input":"\#(input)","output":"out.mp4","extra":1}"#) == ["/extra"])
    #expect(FFmpegRequest.faults(in: #"{"input":"\#(input)","output":"out.mp4","output":"x.mp4"}"#) == [""])
  }

  @Test(
    "are refused with an output that is not one plain media file",
    arguments: [
      "../up.mp4", "/tmp/x.mp4", "a/b.mp4", ".mp4", "out", "out.m3u8", "out.sh", "out.%03d.png",
      "http://x/y.mp4", "pipe:1.mp4", "x.mp4\\u0000.sh", "out.mpd", "out.ffconcat", "",
    ])
  func outputs(_ name: String) {
    #expect(FFmpegRequest.faults(in: #"{"input":"\#(Self.upload)","output":"\#(name)"}"#) == ["/output"])
  }

  @Test(
    "are refused with an input that is neither an upload nor a web address",
    arguments: [
      "", "upload:", "upload:upl_../../x", "file:///etc/passwd", "/etc/passwd", "ftp://x/y",
      "concat:a|b", "http:", "http://", "https://user:pw@example.org/", "HTTP://a b/",
      "http://exa\\\\mple.org/", "http://example.org%00.evil/", "http://example.org:99999/",
      "http://example.org./x", "gopher://x", "http://ex\u{E4}mple.org/",
    ])
  func inputs(_ input: String) {
    #expect(FFmpegRequest.faults(in: #"{"input":"\#(input)","output":"out.mp4"}"#) == ["/input"])
  }
}

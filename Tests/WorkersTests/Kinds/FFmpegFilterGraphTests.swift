import Testing

@testable import Workers

@Suite("A graph of filters") struct FFmpegFilterGraphTests {
  @Test(
    "may join the job's inputs",
    arguments: [
      "[0:v][1:v]overlay=10:10", "[0:v]scale=320:-2[a];[a][1:v]overlay=x='(W-w)/2':y=H-h-10[out]",
      "[0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1[v][a]", "[0][1]hstack", "[0:v]split [a] [b]; [a][b] vstack=inputs=2",
      "[0:a:0][1:a]amix=inputs=2:duration=longest", "color=c=black:s=320x240:d=2[bg];[bg][0:v]overlay=shortest=1",
      "[0:v]fps=10,split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=bayer:bayer_scale=3",
      #"[0:v]select=not(mod(n\,10)),scale=160:-2"#,
    ])
  func allowed(_ graph: String) {
    #expect(FFmpegFilterGraph.fault(in: graph, inputs: 2) == nil)
  }

  @Test(
    "may not reach beyond them",
    arguments: [
      "", ";", "[0:v]", "[0:v]null;", ";[0:v]null", "[0:v]null,,null", "[0:v]null[a", "[0:v]null]a[", "[0:v]scale='1",
      // Sources and sinks that are files, devices or code.
      "movie=/etc/passwd", "[0:v][1:v]overlay;amovie=x", "movie=x[a];[0:v][a]overlay", "[0:v]subtitles=/etc/passwd",
      "[0:v]drawtext=textfile=/etc/passwd", "[0:v]ass=x", "[0:v]lut3d=file=x", "[0:v]frei0r=x", "[0:v]sendcmd=f=x",
      "[0:v]zmq", "[0:v]metadata=print:file=x", "[0:a]asendcmd=f=x", "[0:a]amovie=x", "[0:v]vidstabdetect=result=x",
      "[0:v]signature=filename=x", "[0:v]scale=/w=/etc/passwd", "[0:v]scale=w=/etc/passwd", "sws_flags=x;[0:v]null",
      "[0:v][1:v]paletteuse=bayer:2:rectangle:1:128:../../x", "[0:v][1:v]paletteuse=debug_kdtree=x",
      "[0:v]null@x",
      // Pads that are no stream of the two inputs.
      "[2:v]null", "[99:v]null", "[0:v:x]null", "[-1:v]null", "[0:x]null", "[a'b]null", "[a b]null", "[]null",
      "[0:v][a;b]null", "[0:m:language:eng]null",
      // Quotes that hide a bracket or a name.
      "[0:v]'movie'=x", "[0:v]mo'vie'=x", #"[0:v]mo\vie=x"#, "[0:v]null'[a];movie=x[b]'", #"[0:v]null\;movie=x"#,
      "[0:v]null[a]null", "[0:v]null\nmovie=x", "[0:v]null\u{301},movie=x",
    ])
  func refused(_ graph: String) {
    #expect(FFmpegFilterGraph.fault(in: graph, inputs: 2) != nil)
  }

  @Test("tells whether it plays one input after the other")
  func concatenation() {
    #expect(FFmpegFilterGraph.isConcatenation("[0:v][1:v]concat=n=2[v]"))
    #expect(!FFmpegFilterGraph.isConcatenation("[0:v][1:v]overlay"))
  }
}

/// The options of ffmpeg that a submitter may use, and what each may be given.
///
/// A list of what is allowed, not of what is forbidden: an option that is not here is refused. None of
/// them names a file, a protocol, a device or another input; `-i`, `-f`'s muxers that write several
/// files, `-attach`, `-dump_attachment`, `-report`, `-filter_script`, `-/option`, `-passlogfile`
/// and codec-private option strings (`-x264-params stats=…`) are therefore absent. `-filter_complex` is one of
/// a command line's (``FFmpegCommandLine``), as `-i` is.
struct FFmpegOption {
  enum Value {
    /// The option takes none.
    case none
    /// `12`, `-1.5`, `48k`, `2.5M`.
    case number
    /// `90`, `1:02:03.5`, `500ms`.
    case time
    /// Letters, digits, `.`, `_`, `-`.
    case word
    /// One of these.
    case oneOf(Set<String>)
    /// `+flag-flag`, of these.
    case flags(Set<String>)
    /// `1280x720`, or a name such as `hd720`.
    case size
    /// `16:9` or a number.
    case ratio
    /// `0:v:0`, `-0:s`, `0:a?`.
    case streams
    /// `-1` or an input's number, for `-map_metadata` and `-map_chapters`.
    case inputNumber
    /// `name=text`.
    case metadata
    /// A chain of filters.
    case videoFilters, audioFilters
    /// A graph of filters.
    case filterGraph
  }

  var value: Value
  /// Whether `:v`, `:a:0` and the like may follow the name.
  var takesStream: Bool

  /// The option of a name, without its dash and stream; nil where it is not allowed.
  static func named(_ name: String) -> FFmpegOption? {
    if let value = perStream[name] { return FFmpegOption(value: value, takesStream: true) }
    if let value = global[name] { return FFmpegOption(value: value, takesStream: false) }
    return nil
  }

  /// The option of a name that stands before an input and says how that is read; nil where it is not allowed.
  static func ofInput(_ name: String) -> FFmpegOption? {
    input[name].map { FFmpegOption(value: $0, takesStream: false) }
  }

  /// Options of a command line that change nothing here: they are taken and left out. The value says whether a word
  /// follows.
  static let ignored: [String: Bool] = [
    "y": false, "n": false, "hide_banner": false, "stats": false, "nostats": false, "nostdin": false,
    "loglevel": true, "v": true,
    // How much ffmpeg may keep in memory is not for the caller to say.
    "thread_queue_size": true, "probesize": true, "analyzeduration": true,
  ]

  private static let input: [String: Value] = [
    "ss": .time, "t": .time, "to": .time, "sseof": .number, "itsoffset": .number, "r": .ratio,
    "framerate": .ratio, "loop": .oneOf(["0", "1"]), "stream_loop": .number, "vn": .none, "an": .none,
    "sn": .none, "dn": .none, "accurate_seek": .none, "noaccurate_seek": .none,
    "fflags": .flags(["genpts", "igndts", "discardcorrupt", "nobuffer"]),
  ]

  private static let videoCodecs: Set<String> = [
    "copy", "libx264", "libx264rgb", "libx265", "libvpx", "libvpx-vp9", "libaom-av1", "libsvtav1",
    "librav1e", "mpeg4", "mpeg2video", "mjpeg", "png", "gif", "libwebp", "prores", "prores_ks",
    "dnxhd", "ffv1", "h264", "hevc", "vp8", "vp9", "av1", "rawvideo",
  ]
  private static let audioCodecs: Set<String> = [
    "copy", "aac", "libfdk_aac", "libmp3lame", "mp3", "libopus", "opus", "libvorbis", "vorbis",
    "flac", "alac", "ac3", "eac3", "pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_s16be",
  ]
  private static let subtitleCodecs: Set<String> = [
    "copy", "mov_text", "webvtt", "srt", "subrip", "ass",
  ]
  private static let codecs = videoCodecs.union(audioCodecs).union(subtitleCodecs)

  private static let perStream: [String: Value] = [
    "c": .oneOf(codecs), "codec": .oneOf(codecs),
    "b": .number, "q": .number, "qscale": .number, "maxrate": .number, "minrate": .number,
    "bufsize": .number, "crf": .number, "qp": .number, "qmin": .number, "qmax": .number,
    "preset": .word, "tune": .word, "profile": .word, "level": .word,
    "r": .ratio, "g": .number, "bf": .number, "refs": .number, "keyint_min": .number,
    "sc_threshold": .number, "frames": .number, "s": .size, "aspect": .ratio,
    "pix_fmt": .word, "sample_fmt": .word, "ar": .number, "ac": .number,
    "filter": .videoFilters, "tag": .word, "disposition": .word,
    "color_primaries": .word, "color_trc": .word, "colorspace": .word, "color_range": .word,
    "compression_level": .number, "metadata": .metadata,
  ]

  private static let global: [String: Value] = [
    "vcodec": .oneOf(videoCodecs), "acodec": .oneOf(audioCodecs), "scodec": .oneOf(subtitleCodecs),
    "vf": .videoFilters, "af": .audioFilters, "vn": .none, "an": .none, "sn": .none, "dn": .none,
    "ss": .time, "t": .time, "to": .time, "shortest": .none, "vframes": .number,
    "aframes": .number, "ab": .number, "threads": .number, "map": .streams, "map_metadata": .inputNumber,
    "map_chapters": .inputNumber, "max_muxing_queue_size": .number, "update": .number,
    "movflags": .flags([
      "faststart", "frag_keyframe", "empty_moov", "default_base_moof", "separate_moof",
      "use_metadata_tags", "negative_cts_offsets", "cmaf", "disable_chpl",
    ]),
    "fflags": .flags(["bitexact", "genpts", "igndts", "discardcorrupt", "shortest"]),
    "flags": .flags(["bitexact", "cgop", "low_delay", "global_header", "ilme", "ildct"]),
    "f": .oneOf([
      "mp4", "mov", "ipod", "matroska", "webm", "mp3", "wav", "flac", "ogg", "opus", "adts", "gif",
      "mpegts", "avi", "webvtt", "srt", "ac3", "aiff",
    ]),
    "strict": .oneOf(["experimental", "-2", "normal", "0", "unofficial", "-1", "strict", "1"]),
    "vsync": .oneOf(["auto", "passthrough", "cfr", "vfr", "drop", "0", "1", "2", "-1"]),
    "fps_mode": .oneOf(["auto", "passthrough", "cfr", "vfr", "drop"]),
    "loop": .number, "vbr": .word, "application": .word, "frame_duration": .number,
    "deadline": .word, "quality": .word, "cpu-used": .number, "row-mt": .number, "speed": .number,
    "tile-columns": .number, "tile-rows": .number, "lag-in-frames": .number,
    "auto-alt-ref": .number, "usage": .word, "id3v2_version": .number, "write_xing": .number,
    "avoid_negative_ts": .word,
  ]
}

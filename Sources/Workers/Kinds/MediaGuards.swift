/// The options under which ffmpeg and ffprobe open what others made.
///
/// The `file` protocol alone, and only demuxers of media that hold all they need. Absent on purpose: hls,
/// dash, concat, sdp, image2, lavfi and whatever else opens what its file names.
enum MediaGuards {
  /// Before any input of whatever kind.
  static let media = guards(
    demuxers: [
      "mov", "mp4", "m4a", "3gp", "matroska", "webm", "avi", "flv", "mpegts", "mpeg", "mpegvideo",
      "asf", "mp3", "wav", "w64", "flac", "ogg", "aac", "ac3", "eac3", "amr", "aiff", "caf", "gif",
      "h264", "hevc", "m4v", "ivf", "mxf", "nut", "png_pipe", "jpeg_pipe", "webp_pipe", "srt",
      "webvtt", "ass",
    ])

  /// Before a picture: nothing else is opened, and none whose pixels would fill the memory.
  static let pictures =
    guards(demuxers: ["png_pipe", "apng", "jpeg_pipe", "mjpeg", "webp_pipe", "gif", "bmp_pipe"]) + [
      "-codec_whitelist", "png,apng,mjpeg,webp,gif,bmp", "-max_pixels", "\(pixelLimit)",
    ]

  /// The most pixels of a picture.
  static let pixelLimit = 100_000_000

  /// Before a file of our own that names files of our own.
  static let ownFiles = ["-protocol_whitelist", "file"]

  private static func guards(demuxers: [String]) -> [String] {
    ["-protocol_whitelist", "file", "-format_whitelist", demuxers.joined(separator: ",")]
  }
}

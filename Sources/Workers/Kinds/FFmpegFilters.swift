/// The filters of a simple chain (`-vf`, `-af`), or of a graph, that a submitter may use.
///
/// None of them reads or writes a file. Beyond the names the text itself is checked: no links or second
/// inputs (`[in]`, `;`), and no `/option`, by which newer ffmpegs load an option's value from a file.
struct FFmpegFilters {
  let names: Set<String>

  static let video = FFmpegFilters(names: [
    "scale", "crop", "pad", "fps", "transpose", "hflip", "vflip", "rotate", "format", "null",
    "yadif", "bwdif", "setpts", "setsar", "setdar", "trim", "fade", "unsharp", "eq", "hue",
    "hqdn3d", "gblur", "boxblur", "avgblur", "thumbnail", "select", "tile", "tpad", "framestep",
    "drawbox", "drawgrid", "negate", "colorbalance", "colorchannelmixer",
    "vignette", "zoompan", "framerate", "minterpolate", "deband", "deflicker", "colorspace",
    "tonemap", "setfield", "fieldorder", "decimate", "mpdecimate", "settb",
    "smartblur", "lutyuv", "lutrgb", "monochrome", "noise", "pixelize", "cropdetect", "setparams",
  ])

  static let audio = FFmpegFilters(names: [
    "volume", "loudnorm", "aresample", "atempo", "afade", "atrim", "asetpts", "highpass",
    "lowpass", "bandpass", "bandreject", "equalizer", "bass", "treble", "pan", "acompressor",
    "alimiter", "agate", "dynaudnorm", "silenceremove", "aformat", "channelmap", "anull", "adelay",
    "aecho", "asetrate", "apad", "afftdn", "speechnorm", "stereotools",
    "extrastereo", "compand", "deesser", "tremolo", "vibrato", "chorus", "flanger", "aphaser",
  ])

  /// What may stand in a graph (``FFmpegFilterGraph``): besides these, filters with several inputs or outputs, and two
  /// sources that make what they give themselves.
  static let graph = FFmpegFilters(
    names: video.names.union(audio.names).union([
      "overlay", "concat", "hstack", "vstack", "xstack", "blend", "xfade", "alphamerge", "alphaextract",
      "split", "palettegen", "paletteuse", "maskedmerge", "interleave", "colorkey", "chromakey", "scale2ref",
      "amix", "amerge", "acrossfade", "join", "asplit", "channelsplit", "sidechaincompress", "sidechaingate",
      "ainterleave", "showwaves", "showwavespic", "showspectrum", "color", "anullsrc",
    ]))

  /// Parts of option names that stand for files in some version of some filter.
  private static let fileWords = ["file", "path", "url", "dump", "debug"]

  /// Filters that take a file's name in some place of their options without naming the option: theirs must be named.
  private static let namedOptionsOnly: Set<String> = ["paletteuse"]

  /// Why `text` cannot be a chain; nil where it can.
  func fault(in text: String) -> String? {
    guard !text.isEmpty else { return "has an empty filter chain" }
    guard let filters = Self.split(text) else {
      return "has a character in its filters that is not allowed"
    }
    for filter in filters {
      let parts = filter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0].trimming { $0 == " " })
      guard names.contains(name) else {
        return "may not use the filter \(PayloadFault.shown(name))"
      }
      guard parts.count == 2 else { continue }
      for option in parts[1].split(separator: ":", omittingEmptySubsequences: false) {
        if option.trimming({ $0 == " " }).hasPrefix("/") {
          return "may not load options from files"
        }
        let sides = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2 else {
          if Self.namedOptionsOnly.contains(name) { return "must name the options of \(name)" }
          continue
        }
        let key = sides[0].lowercased()
        if Self.fileWords.contains(where: key.contains) { return "may not name files in filters" }
        if sides[1].trimming({ $0 == " " }).hasPrefix("/") {
          return "may not name files in filters"
        }
      }
    }
    return nil
  }

  /// The filters of a chain, quotes taken away; nil where a character is not allowed.
  ///
  /// A comma within single quotes, or after a backslash, belongs to an expression.
  private static func split(_ text: String) -> [String]? {
    var filters: [String] = []
    var filter = ""
    var isQuoted = false
    var isEscaped = false
    for byte in text.utf8 {
      let character = Character(Unicode.Scalar(byte))
      switch character {
      case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "=", ":", "+", "-", "*", "/", "(", ")", "|",
        "<", ">", "!", " ", "^":
        guard !isEscaped else { return nil }
        filter.append(character)
      case ",":
        if isQuoted || isEscaped {
          filter.append(character)
          isEscaped = false
        } else {
          filters.append(filter)
          filter = ""
        }
      case "'":
        guard !isEscaped else { return nil }
        isQuoted.toggle()
      case "\\":
        guard !isQuoted, !isEscaped else { return nil }
        isEscaped = true
      default: return nil
      }
    }
    guard !isQuoted, !isEscaped else { return nil }
    return filters + [filter]
  }
}

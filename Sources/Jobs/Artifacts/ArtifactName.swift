/// A file name that is safe as it stands: it names one file of one folder and nothing else.
///
/// At most 200 bytes of UTF-8, no `/`, `\` or control character, no leading dot, no bidirectional
/// override (which would show `cod.exe` as `exe.doc`).
package struct ArtifactName: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// The most bytes of a name.
  package static let byteLimit = 200

  /// Nil when `text` is not a safe name.
  package init?(_ text: String) {
    guard (1...Self.byteLimit).contains(text.utf8.count), !text.hasPrefix(".") else { return nil }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "/", "\\": return nil
      case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{2028}", "\u{2029}": return nil
      default:
        if scalar.properties.generalCategory == .control { return nil }
      }
    }
    // A leading grapheme may hide the dot from hasPrefix: "." with a combining mark.
    guard text.utf8.first != UInt8(ascii: ".") else { return nil }
    description = text
  }

  /// What follows the last dot, in lower case; empty where there is none.
  package var fileExtension: String {
    guard let dot = description.utf8.lastIndex(of: UInt8(ascii: ".")) else { return "" }
    return String(description[description.utf8.index(after: dot)...]).lowercased()
  }

  /// The media type that the extension stands for.
  ///
  /// Types that a browser would run (HTML, SVG, scripts) are not in the table on purpose: they read
  /// as `application/octet-stream`.
  package var contentType: String {
    switch fileExtension {
    case "mp4", "m4v": "video/mp4"
    case "webm": "video/webm"
    case "mkv": "video/x-matroska"
    case "mov": "video/quicktime"
    case "avi": "video/x-msvideo"
    case "ts": "video/mp2t"
    case "mp3": "audio/mpeg"
    case "m4a": "audio/mp4"
    case "aac": "audio/aac"
    case "wav": "audio/wav"
    case "flac": "audio/flac"
    case "ogg", "oga", "opus": "audio/ogg"
    case "png": "image/png"
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "webp": "image/webp"
    case "txt", "log": "text/plain; charset=utf-8"
    case "srt": "application/x-subrip"
    case "vtt": "text/vtt"
    case "json": "application/json"
    case "pdf": "application/pdf"
    case "zip": "application/zip"
    default: "application/octet-stream"
    }
  }
}

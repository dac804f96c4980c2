import Foundation
import Jobs

/// A file on its way to the gateway.
struct FileUpload {
  let path: String

  /// Sends the file's bytes and gives the name under which payloads refer to it: `upload:upl_…`.
  ///
  /// `progress` hears how many bytes of how many have gone.
  func send(
    to server: ServerAddress, token: String, progress: @escaping (Int, Int) -> Void
  ) throws(ClientError) -> String {
    guard let file = FileHandle(forReadingAtPath: path), let size = Self.size(of: path) else {
      throw .unreadableFile(path)
    }
    let name = URL(fileURLWithPath: path).lastPathComponent
    let (_, body) = try HTTPConnection.request(
      server, "POST", "/v1/uploads?name=\(Self.queryEncoded(name))", token: token,
      headers: [("Content-Type", Self.contentType(of: name))],
      body: .file(file, length: size) { progress($0, size) })
    guard let upload = (try? JSONDocument(bytes: body).root)?["upload"]?.string else {
      throw .notUnderstood("an answer to an upload without its name")
    }
    return "upload:\(upload)"
  }

  private static func size(of path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// Everything but the unreserved characters of RFC 3986 as `%XX`.
  static func queryEncoded(_ text: String) -> String {
    text.utf8.map { byte in
      let character = Character(Unicode.Scalar(byte))
      if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
        return String(character)
      }
      return String(format: "%%%02X", byte)
    }.joined()
  }

  /// By the name's ending; the gateway does not rely on it.
  static func contentType(of name: String) -> String {
    switch URL(fileURLWithPath: name).pathExtension.lowercased() {
    case "mp4", "m4v": "video/mp4"
    case "webm": "video/webm"
    case "mkv": "video/x-matroska"
    case "mov": "video/quicktime"
    case "mp3": "audio/mpeg"
    case "m4a": "audio/mp4"
    case "wav": "audio/wav"
    case "ogg", "oga", "opus": "audio/ogg"
    case "flac": "audio/flac"
    case "png": "image/png"
    case "jpg", "jpeg": "image/jpeg"
    case "json": "application/json"
    default: "application/octet-stream"
    }
  }
}

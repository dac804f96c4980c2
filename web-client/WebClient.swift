/// The files of the web client, carried inside the binary.
package enum WebClient {
  /// One file as a browser gets it.
  package struct File: Sendable {
    package var bytes: [UInt8]
    package var contentType: String
    /// Changes with the content (RFC 9110 §8.8.3).
    package var entityTag: String
  }

  /// The file of that name, nil where there is none.
  package static func file(named name: String) -> File? { files[name] }

  private static let files: [String: File] = {
    var files: [String: File] = [:]
    for (name, bytes) in contents {
      files[name] = File(
        bytes: bytes, contentType: contentType(of: name), entityTag: entityTag(of: bytes))
    }
    return files
  }()

  private static func contentType(of name: String) -> String {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "js": "text/javascript; charset=utf-8"
    case "svg": "image/svg+xml"
    default: "application/octet-stream"
    }
  }

  private static func entityTag(of bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "\"\(String(hash, radix: 16))\""
  }
}

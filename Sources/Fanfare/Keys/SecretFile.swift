import Foundation

/// A random secret in a file for its owner's eyes only, made at first use and kept.
struct SecretFile {
  let path: String

  /// The secret; makes one of `length` random bytes where there is none yet.
  ///
  /// Written whole under another name, then linked: of two processes that start at once, both get
  /// the one that is kept. Throws ``CommandFailure`` where it cannot be kept.
  func secret(length: Int = 32) throws -> [UInt8] {
    if let secret = existing { return secret }
    var generator = SystemRandomNumberGenerator()
    let secret = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    let draft = "\(path).\(UUID().uuidString)"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    guard descriptor >= 0 else { throw failure(draft) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    defer { unlink(draft) }
    try file.write(contentsOf: Data(secret))
    try file.synchronize()
    if link(draft, path) == 0 { return secret }
    guard let other = existing else { throw failure(path) }
    return other
  }

  /// What the file holds; nil where there is none.
  var existing: [UInt8]? { FileManager.default.contents(atPath: path).map { Array($0) } }

  private func failure(_ path: String) -> CommandFailure {
    CommandFailure(
      description: "a secret cannot be kept at \(path): \(String(cString: strerror(errno)))",
      status: .failed)
  }
}

/// The name of a session: uploads that a user brought one by one for one job, in their order.
package struct SessionFolder: Hashable, Sendable, CustomStringConvertible {
  /// A UUID in lower case; so a safe path component.
  package let description: String

  /// A new session of 128 random bits.
  package init() { description = UploadID().uuid }

  /// Nil when `text` is no UUID.
  package init?(_ text: String) {
    guard let id = UploadID(uuid: text) else { return nil }
    description = id.uuid
  }
}

extension UploadID {
  /// The id as older systems know ids: the same 128 bits in the form of a UUID.
  package var uuid: String {
    let digits = Array(description.dropFirst(4))
    let parts = [digits[..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20...]]
    return parts.map { String($0) }.joined(separator: "-")
  }

  /// Reads ``uuid``, in either case; nil for anything else.
  package init?(uuid text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
    self.init("upl_" + parts.joined().lowercased())
  }
}

extension ArtifactStore {
  // The user's name may hold anything: its digits in hexadecimal are a path component.
  private func folder(of session: SessionFolder, of owner: String) -> String {
    let digits = owner.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    // A component has at most 255 bytes, a user's name may have as many before it is doubled.
    let parts = stride(from: 0, to: digits.count, by: 200).map { digits.dropFirst($0).prefix(200) }
    return "\(sessions)/\(parts.joined(separator: "/"))/\(session)"
  }

  private var sessions: String { "\(root)/sessions" }

  /// Adds an upload to a session of its owner, behind those that are there.
  @concurrent
  package func add(_ upload: UploadID, to session: SessionFolder, of owner: String) async throws(ArtifactError) {
    let folder = folder(of: session, of: owner)
    try FileOperations.makeFolder(folder)
    while true {
      let last = try FileOperations.names(in: folder).compactMap { Int($0.prefix(9)) }.max() ?? 0
      let digits = String(last + 1)
      let name = String(repeating: "0", count: max(0, 9 - digits.count)) + digits
      // Two that are brought at once must not take one place: the folder of a place can be made once.
      guard try FileOperations.makeNewFolder("\(folder)/\(name)") else { continue }
      return try FileOperations.replace("\(folder)/\(name)/upload", with: Array(upload.description.utf8))
    }
  }

  /// Removes sessions to which nothing was added for `age`; answers how many. Their uploads go in their own time.
  @concurrent
  package func sweepSessions(
    olderThan age: Duration, now: Timestamp = .now
  ) async throws(ArtifactError) -> Int {
    try Self.sweep(sessions, olderThan: age, now: now)
  }

  private static func sweep(_ folder: String, olderThan age: Duration, now: Timestamp) throws(ArtifactError) -> Int {
    var count = 0
    for name in try FileOperations.names(in: folder) {
      let path = "\(folder)/\(name)"
      guard SessionFolder(name) != nil else {
        count += try sweep(path, olderThan: age, now: now)
        continue
      }
      guard let time = FileOperations.modification(of: path), now - time >= age else { continue }
      try FileOperations.remove(path)
      count += 1
    }
    return count
  }

  /// The uploads of a session, in the order they were added; none of a session that is not there, or somebody else's.
  @concurrent
  package func uploads(in session: SessionFolder, of owner: String) async throws(ArtifactError) -> [UploadID] {
    let folder = folder(of: session, of: owner)
    var uploads: [UploadID] = []
    for name in try FileOperations.names(in: folder).sorted() {
      guard let bytes = try FileOperations.read("\(folder)/\(name)/upload"),
        let upload = UploadID(String(decoding: bytes, as: UTF8.self))
      else { continue }
      uploads.append(upload)
    }
    return uploads
  }
}

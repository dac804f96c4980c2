/// What was asked for with a job: the text itself, or where the text lies.
///
/// Whoever submits sends text, and workers get text. Between the two a text that is too large for a
/// broker's record is a file of the artifact store, and the record has the reference (``PayloadStore``).
/// Brokers keep ``bytes`` and never look into them.
package enum JobPayload: Hashable, Sendable, CustomStringConvertible {
  case inline(JSONText)
  indirect case stored(StoredPayload)

  package static let emptyObject = JobPayload.inline(.emptyObject)

  /// Begins a reference. No JSON text begins so: what somebody submits is never taken for one.
  private static let mark = UInt8(ascii: "@")

  /// What a broker, a journal and an archive keep: the text, or a reference of about a hundred bytes.
  package var bytes: [UInt8] {
    switch self {
    case .inline(let text): text.bytes
    case .stored(let payload): [Self.mark] + Array(payload.description.utf8)
    }
  }

  /// Reads ``bytes``; nil for a reference that we did not write.
  package init?(_ bytes: [UInt8]) {
    if bytes.first == Self.mark {
      guard let payload = StoredPayload(String(decoding: bytes.dropFirst(), as: UTF8.self)) else {
        return nil
      }
      self = .stored(payload)
    } else {
      self = .inline(JSONText(unchecked: bytes))
    }
  }

  /// How many bytes the text has, wherever it lies.
  package var size: Int {
    switch self {
    case .inline(let text): text.bytes.count
    case .stored(let payload): payload.size
    }
  }

  /// The SHA-256 of the text, wherever it lies: 64 hexadecimal digits.
  package var digest: String {
    switch self {
    case .inline(let text): RunningDigest.hexadecimal(of: text.bytes)
    case .stored(let payload): payload.digest
    }
  }

  package var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// A payload in the artifact store: whose it is, and what its file must hold.
package struct StoredPayload: Hashable, Sendable {
  /// The job it was submitted with, by whose id the file is named. Every job has a file of its own.
  package var job: JobID
  /// The group at whose end the job is submitted: until then only the group is on record.
  package var group: GroupID?
  /// In bytes.
  package var size: Int
  /// SHA-256, hexadecimal.
  package var digest: String

  package init(job: JobID, group: GroupID? = nil, size: Int, digest: String) {
    self.job = job
    self.group = group
    self.size = size
    self.digest = digest
  }

  /// The file's name: the job's id, and its group's where it is a callback.
  package var name: String { group.map { "\(job).\($0)" } ?? "\(job)" }
}

/// As text: name, size and digest.
extension StoredPayload: LosslessStringConvertible {
  package var description: String { "\(name) \(size) \(digest)" }

  package init?(_ text: String) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, let owner = Self.owner(named: parts[0]),
      let size = Int(parts[1]), size >= 0, parts[2].utf8.count == 64,
      parts[2].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    self.init(job: owner.job, group: owner.group, size: size, digest: String(parts[2]))
  }

  /// Whose payload a file of this ``name`` holds; nil for a name that is none.
  static func owner(named name: some StringProtocol) -> (job: JobID, group: GroupID?)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let job = parts.first.flatMap({ JobID($0) }), parts.count <= 2 else { return nil }
    guard parts.count == 2 else { return (job, nil) }
    return GroupID(parts[1]).map { (job, $0) }
  }
}

/// The name of an upload: `upl_` and 32 hexadecimal digits, random, not to be guessed.
package struct UploadID: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// A new id, of 128 random bits.
  package init() {
    var generator = SystemRandomNumberGenerator()
    var text = "upl_"
    for _ in 0..<2 {
      let digits = String(generator.next(), radix: 16)
      text += String(repeating: "0", count: 16 - digits.count) + digits
    }
    description = text
  }

  /// Nil when `text` is not the name of an upload; so a valid one is always a safe path component.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == 36, text.utf8.starts(with: "upl_".utf8) else { return nil }
    for byte in text.utf8.dropFirst(4) {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): continue
      default: return nil
      }
    }
    description = String(text)
  }
}

/// A file that a user brought, whole and ready to be a job's input.
package struct Upload: Hashable, Sendable {
  package var id: UploadID
  /// The user who brought it, and the only one whose jobs may read it.
  package var owner: String
  /// What its owner calls it; on disk it is always `data`.
  package var name: ArtifactName
  /// As the owner declared it; nobody has looked.
  package var contentType: String
  /// In bytes.
  package var size: Int
  package var createdAt: Timestamp
  /// Stands for the bytes, where somebody hashed them on their way in: SHA-256, hexadecimal.
  package var contentHash: String?

  package init(
    id: UploadID, owner: String, name: ArtifactName, contentType: String, size: Int,
    createdAt: Timestamp, contentHash: String? = nil
  ) {
    self.id = id
    self.owner = owner
    self.name = name
    self.contentType = contentType
    self.size = size
    self.createdAt = createdAt
    self.contentHash = contentHash
  }

  /// The form in which `meta.json` keeps it.
  var metadata: JSONText {
    var writer = JSONWriter()
    writer.object { object in
      object.member("id", id.description)
      object.member("owner", owner)
      object.member("name", name.description)
      object.member("content_type", contentType)
      object.member("bytes", size)
      object.member("created_at", createdAt.milliseconds)
      object.member("content_hash", contentHash)
    }
    return writer.text
  }

  /// Reads ``metadata``; nil where anything is missing.
  init?(metadata: JSONValue) {
    guard let id = metadata["id"]?.string.flatMap({ UploadID($0) }),
      let owner = metadata["owner"]?.string,
      let name = metadata["name"]?.string.flatMap(ArtifactName.init),
      let contentType = metadata["content_type"]?.string, let size = metadata["bytes"]?.int,
      let createdAt = metadata["created_at"]?.int
    else { return nil }
    self.init(
      id: id, owner: owner, name: name, contentType: contentType, size: size,
      createdAt: Timestamp(milliseconds: Int64(createdAt)),
      contentHash: metadata["content_hash"]?.string)
  }
}

/// A file that a job made, as it lies in the store.
package struct Artifact: Hashable, Sendable {
  package enum Place: Hashable, Sendable {
    /// A plain file; the path is absolute.
    case file(String)
    /// An object of the bucket, of this tag.
    case object(key: String, tag: String)
  }

  package var name: ArtifactName
  package var place: Place
  /// Where other programs find it: `s3://bucket/key`. Nil of a file.
  package var location: String?
  /// In bytes.
  package var size: Int
  package var contentType: String
  /// The user whose job made it.
  package var owner: String
  package var modifiedAt: Timestamp

  /// The path of a file; nil of an object.
  package var path: String? {
    if case .file(let path) = place { path } else { nil }
  }

  package init(
    name: ArtifactName, place: Place, location: String? = nil, size: Int, contentType: String, owner: String,
    modifiedAt: Timestamp
  ) {
    self.name = name
    self.place = place
    self.location = location
    self.size = size
    self.contentType = contentType
    self.owner = owner
    self.modifiedAt = modifiedAt
  }
}

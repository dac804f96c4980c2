/// What a job left in a bucket: an object of its own, `<prefix>manifests/<job>.json`, from which readers learn what
/// there is. An object of a file is seen when the manifest names it, with its tag, and never before.
///
/// It is written before the first object of a run, so that a sweep which reads manifests alone finds every object.
struct ArtifactManifest: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    var name: ArtifactName
    /// In bytes.
    var size: Int
    /// Of the object that was put; one that another run put in its place has another.
    var tag: String
    var modifiedAt: Timestamp
  }

  var job: JobID
  var kind: JobKind
  var owner: String
  /// The lease's of the run that wrote it.
  var token: UInt64
  var entries: [Entry] = []

  /// Names an entry, in place of an earlier one of its name.
  mutating func add(_ entry: Entry) {
    entries.removeAll { $0.name == entry.name }
    entries.append(entry)
  }

  /// The form in which it is kept.
  var text: JSONText {
    var writer = JSONWriter()
    writer.object { object in
      object.member("job", job.description)
      object.member("kind", kind.description)
      object.member("owner", owner)
      object.member("token", token)
      object.array("artifacts") { array in
        for entry in entries {
          array.object { object in
            object.member("name", entry.name.description)
            object.member("bytes", entry.size)
            object.member("tag", entry.tag)
            object.member("modified_at", entry.modifiedAt.milliseconds)
          }
        }
      }
    }
    return writer.text
  }

  init(job: JobID, kind: JobKind, owner: String, token: UInt64) {
    self.job = job
    self.kind = kind
    self.owner = owner
    self.token = token
  }

  /// Reads ``text``; nil where anything is missing.
  init?(_ value: JSONValue) {
    guard let job = value["job"]?.string.flatMap({ JobID($0) }),
      let kind = value["kind"]?.string.flatMap({ JobKind($0) }), let owner = value["owner"]?.string,
      let token = value["token"]?.int.flatMap({ UInt64(exactly: $0) }), let entries = value["artifacts"]?.array
    else { return nil }
    self.init(job: job, kind: kind, owner: owner, token: token)
    for entry in entries {
      guard let name = entry["name"]?.string.flatMap(ArtifactName.init), let size = entry["bytes"]?.int,
        let tag = entry["tag"]?.string, let time = entry["modified_at"]?.int
      else { return nil }
      self.entries.append(
        Entry(name: name, size: size, tag: tag, modifiedAt: Timestamp(milliseconds: Int64(time))))
    }
  }
}

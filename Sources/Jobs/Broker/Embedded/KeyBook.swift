/// Which jobs hold the keys that submissions come with.
struct KeyBook: Sendable {
  /// How long an idempotency key leads to its job.
  static let idempotencyLifetime = Duration.seconds(24 * 3600)

  private var idempotencyKeys: [KeyScope: JobID] = [:]
  // Nobody else changes these but a test of the audit.
  var uniqueKeys: [UniqueScope: JobID] = [:]
  var contentKeys: [ContentScope: [JobID]] = [:]

  subscript(key: KeyScope) -> JobID? { idempotencyKeys[key] }
  subscript(key: UniqueScope) -> JobID? { uniqueKeys[key] }
  /// The first that has it.
  subscript(key: ContentScope) -> JobID? { contentKeys[key]?.first }

  func holds(_ key: ContentScope, _ id: JobID) -> Bool { contentKeys[key]?.contains(id) ?? false }

  /// Takes in the idempotency key of a record, which stays whatever becomes of it.
  mutating func add(_ record: EmbeddedRecord) {
    if let key = record.keyScope { idempotencyKeys[key] = record.job.id }
  }

  /// Forgets it with the record, unless it is another's by now.
  mutating func remove(_ record: EmbeddedRecord) {
    if let key = record.keyScope, idempotencyKeys[key] == record.job.id { idempotencyKeys[key] = nil }
  }

  /// Moves the keys that a job holds by its state.
  mutating func move(from old: Places?, to new: Places?, _ id: JobID) {
    if old?.uniqueKey != new?.uniqueKey {
      if let key = old?.uniqueKey, uniqueKeys[key] == id { uniqueKeys[key] = nil }
      if let key = new?.uniqueKey { uniqueKeys[key] = id }
    }
    if old?.contentKey != new?.contentKey {
      if let key = old?.contentKey {
        contentKeys[key]?.removeAll { $0 == id }
        if contentKeys[key]?.isEmpty == true { contentKeys[key] = nil }
      }
      if let key = new?.contentKey { contentKeys[key, default: []].append(id) }
    }
  }
}

/// What an idempotency key, a unique key and a content key are unique within.
struct KeyScope: Hashable {
  let user: String
  let key: String
}

struct UniqueScope: Hashable {
  let user: String
  let queue: QueueName
  let key: String
}

struct ContentScope: Hashable {
  let user: String
  let kind: JobKind
  let key: String
}

extension EmbeddedRecord {
  /// Under what its idempotency key is found.
  var keyScope: KeyScope? {
    terms.idempotencyKey.map { KeyScope(user: job.user, key: $0) }
  }
}

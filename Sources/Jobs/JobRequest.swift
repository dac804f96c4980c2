/// A job as somebody asks for it.
package struct JobRequest: Hashable, Sendable {
  package var id: JobID
  package var queue: QueueName
  package var kind: JobKind
  /// Whose job it is: the token's `sub`.
  package var user: String
  package var payload: JSONText
  package var priority: Priority
  /// How often a worker may try, the first time included.
  package var maxAttempts: Int
  /// The longest one attempt may run; nil leaves it to the worker's kind.
  package var timeout: Duration?
  /// Makes the submission safe to repeat; scoped to the user.
  package var idempotencyKey: String?

  package init(
    id: JobID = JobID(), queue: QueueName = .default, kind: JobKind, user: String,
    payload: JSONText = .emptyObject, priority: Priority = .normal, maxAttempts: Int = 3,
    timeout: Duration? = nil, idempotencyKey: String? = nil
  ) {
    self.id = id
    self.queue = queue
    self.kind = kind
    self.user = user
    self.payload = payload
    self.priority = priority
    self.maxAttempts = maxAttempts
    self.timeout = timeout
    self.idempotencyKey = idempotencyKey
  }

  /// The most bytes of a payload that is kept with the job.
  package static let payloadLimit = 256 << 10

  /// The same for two requests exactly when they ask for the same: everything but `id`. Sixteen
  /// hexadecimal digits (FNV-1a, 64 bit): it tells an honest repeat from a mistake, it is no seal.
  package var fingerprint: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      hash = (hash ^ 0xFF) &* 0x100_0000_01b3
    }
    mix(queue.description.utf8)
    mix(kind.description.utf8)
    mix(user.utf8)
    mix(payload.bytes)
    mix("\(priority.level) \(maxAttempts) \(timeout?.milliseconds ?? -1)".utf8)
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

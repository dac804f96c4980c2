/// A job as somebody asks for it. What is nil is the queue's to say (``JobDefaults``).
package struct JobRequest: Hashable, Sendable {
  package var id: JobID
  package var queue: QueueName
  package var kind: JobKind
  /// Whose job it is: the token's `sub`.
  package var user: String
  package var payload: JobPayload
  package var priority: Priority
  package var order: QueueOrder?
  package var start: JobStart
  /// How often a worker may try, the first time included.
  package var maxAttempts: Int?
  package var retry: RetryPolicy?
  /// The longest one attempt may run.
  package var timeout: Duration?
  /// The longest it may wait for its first start, from when it is due.
  package var startWithin: Duration?
  /// The longest it may take, all attempts and waits together, from when it is due.
  package var totalTimeout: Duration?
  /// Makes the submission safe to repeat; scoped to the user.
  package var idempotencyKey: String?
  /// Only one unfinished job of the user in this queue has it: another submission is answered with
  /// that one.
  package var uniqueKey: String?
  /// Stands for the input: a job of the same user and kind that has it and completed, or has not
  /// ended, is the answer. Only set for kinds that allow it.
  package var contentKey: String?
  package var dependencies: JobDependencies
  package var group: GroupID?
  /// Its part in the progress of its group, against the others'.
  package var weight: Int
  /// Its changes go into the feed, for the history of all jobs (``FeedSource``). A gateway's own wish: it is not asked
  /// for by who submits.
  package var isRecorded: Bool
  /// Who is told of its changes, beside the webhooks of its queue. None of a job that itself tells one.
  package var webhooks: [Webhook]

  package init(
    id: JobID = JobID(), queue: QueueName = .default, kind: JobKind, user: String,
    payload: JSONText = .emptyObject, priority: Priority = .normal, order: QueueOrder? = nil,
    start: JobStart = .now, maxAttempts: Int? = nil, retry: RetryPolicy? = nil,
    timeout: Duration? = nil, startWithin: Duration? = nil, totalTimeout: Duration? = nil,
    idempotencyKey: String? = nil, uniqueKey: String? = nil, contentKey: String? = nil,
    dependencies: JobDependencies = JobDependencies(), group: GroupID? = nil, weight: Int = 1,
    isRecorded: Bool = false, webhooks: [Webhook] = []
  ) {
    self.id = id
    self.queue = queue
    self.kind = kind
    self.user = user
    self.payload = .inline(payload)
    self.priority = priority
    self.order = order
    self.start = start
    self.maxAttempts = maxAttempts
    self.retry = retry
    self.timeout = timeout
    self.startWithin = startWithin
    self.totalTimeout = totalTimeout
    self.idempotencyKey = idempotencyKey
    self.uniqueKey = uniqueKey
    self.contentKey = contentKey
    self.dependencies = dependencies
    self.group = group
    self.weight = weight
    self.isRecorded = isRecorded
    self.webhooks = webhooks
  }

  /// The most bytes of a payload that a broker keeps with the job; what is larger has to lie in the store
  /// (``PayloadStore``).
  package static let payloadLimit = 256 << 10

  /// The same for two requests exactly when they ask for the same: everything but `id` and `isRecorded`. Sixteen
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
    // By a digest where it is long, which is the same wherever the text lies.
    if payload.size > Self.longestMixed { mix(payload.digest.utf8) } else { mix(payload.bytes) }
    mix(rest.utf8)
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// No payload is moved to the store that is not longer.
  private static let longestMixed = PayloadStore.inlineLimits.lowerBound

  /// What a request asks for beside its texts, in words that differ where the requests do.
  private var rest: String {
    var text = "\(priority.level) \(maxAttempts ?? -1) \(timeout?.milliseconds ?? -1)"
    if let order { text += " order \(order)" }
    if start != .now { text += " start \(start)" }
    if let retry { text += " retry \(retry)" }
    if let startWithin { text += " within \(startWithin.milliseconds)" }
    if let totalTimeout { text += " total \(totalTimeout.milliseconds)" }
    if let uniqueKey { text += " unique \(uniqueKey.utf8.count) \(uniqueKey)" }
    if let contentKey { text += " content \(contentKey.utf8.count) \(contentKey)" }
    if !dependencies.parents.isEmpty {
      text += " after \(dependencies.parents) \(dependencies.whenOneFails)"
    }
    if let group { text += " group \(group) \(weight)" }
    for hook in webhooks {
      text += " webhook \(hook.address.utf8.count) \(hook.address) \(hook.events.letters)"
    }
    return text
  }
}

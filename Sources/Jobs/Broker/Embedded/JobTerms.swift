/// What was asked for with a job and never changes, beside what ``Job`` shows. Shared by all copies
/// of a record.
final class JobTerms: Sendable {
  let order: QueueOrder?
  let maxAttempts: Int?
  let retry: RetryPolicy?
  /// By the job itself, else by its queue when it was accepted; counted anew where it runs again.
  let startWithin: Duration?
  let totalTimeout: Duration?
  let idempotencyKey: String?
  let fingerprint: String
  let uniqueKey: String?
  let contentKey: String?
  let whenParentFails: ParentFailureRule
  let weight: Int
  /// For what its changes are fed.
  let feed: FeedTerms

  init(
    order: QueueOrder? = nil, maxAttempts: Int? = nil, retry: RetryPolicy? = nil,
    startWithin: Duration? = nil, totalTimeout: Duration? = nil, idempotencyKey: String? = nil,
    fingerprint: String = "", uniqueKey: String? = nil, contentKey: String? = nil,
    whenParentFails: ParentFailureRule = .cancel, weight: Int = 1,
    feed: FeedTerms = FeedTerms()
  ) {
    self.order = order
    self.maxAttempts = maxAttempts
    self.retry = retry
    self.startWithin = startWithin
    self.totalTimeout = totalTimeout
    self.idempotencyKey = idempotencyKey
    self.fingerprint = fingerprint
    self.uniqueKey = uniqueKey
    self.contentKey = contentKey
    self.whenParentFails = whenParentFails
    self.weight = weight
    self.feed = feed
  }

  /// `settings`: of the queue that accepts the job.
  convenience init(_ request: JobRequest, _ settings: QueueSettings) {
    let defaults = settings.defaults
    self.init(
      order: request.order, maxAttempts: request.maxAttempts, retry: request.retry,
      startWithin: request.startWithin ?? defaults.startWithin,
      totalTimeout: request.totalTimeout ?? defaults.totalTimeout,
      idempotencyKey: request.idempotencyKey,
      // Only compared where a key leads back to the job.
      fingerprint: request.idempotencyKey == nil ? "" : request.fingerprint,
      uniqueKey: request.uniqueKey, contentKey: request.contentKey,
      whenParentFails: request.dependencies.whenOneFails, weight: request.weight,
      feed: FeedTerms(of: request, in: settings.webhooks))
  }
}

/// How a queue works: everything an operator may set. A queue that nobody set has the defaults.
package struct QueueSettings: Hashable, Sendable {
  /// A word for people and older systems: `RENDER`, `NOTIFICATION`.
  package var type: String?
  package var description: String?
  /// How many of its jobs may run at once, over all workers; nil: as many as workers have slots.
  package var concurrency: Int?
  /// How many jobs of one user may wait or run in it; the others are `blocked` until one has ended.
  package var userWindow: Int?
  /// How many jobs may wait in it (scheduled, blocked, queued, retrying); nil: no bound.
  package var maxWaiting: Int?
  package var order: QueueOrder = .fifo
  /// The head start of each priority level; nil: priorities are strict, whatever the wait.
  package var ageing: Duration?
  /// Users take turns within a priority, however many jobs each has waiting (start-time fair
  /// queueing); `order` then holds among the jobs of one user only as FIFO. A job that goes before it was
  /// taken costs no turn; one that runs again does. Whose turn it was is forgotten when nobody waits. All users
  /// weigh the same: nothing but their names is known of them here.
  package var isFair = false
  package var defaults = JobDefaults()
  package var completed = RetentionRule(age: .seconds(86_400))
  package var failed = RetentionRule(age: .seconds(7 * 86_400))
  package var cancelled = RetentionRule(age: .seconds(86_400))
  /// Who is told of the changes of its jobs, those accepted from when it is set; each has ``Webhook/isOfQueue`` unset here.
  package var webhooks: [Webhook] = []

  package init() {}

  /// Whether nobody has set more than a worker does for a kind of which no job is tried twice: that, and how many may
  /// run at once.
  package var isAsWorkersLeaveIt: Bool {
    guard defaults.maxAttempts == 1 else { return false }
    var others = self
    others.concurrency = nil
    others.defaults.maxAttempts = JobDefaults().maxAttempts
    return others == QueueSettings()
  }

  /// The rule for jobs that ended in this state.
  package func retention(of state: JobState) -> RetentionRule {
    switch state {
    case .failed: failed
    case .cancelled: cancelled
    default: completed
    }
  }
}

/// What jobs of a queue have that say nothing else.
package struct JobDefaults: Hashable, Sendable {
  package var maxAttempts = 3
  /// Nil: the worker's own.
  package var retry: RetryPolicy?
  /// The longest one attempt may run; nil leaves it to the worker's kind.
  package var timeout: Duration?
  /// The longest a job may wait for its first start, from when it was due.
  package var startWithin: Duration?
  /// The longest a job may take, all attempts and waits together, from when it was due.
  package var totalTimeout: Duration?

  package init() {}
}

/// How long ended jobs are kept: until either bound is passed. The rule in force judges all, whenever they ended.
package struct RetentionRule: Hashable, Sendable {
  package var age: Duration
  /// How many of the newest are kept; nil: no bound. 0 keeps none.
  package var count: Int?

  package init(age: Duration, count: Int? = nil) {
    self.age = age
    self.count = count
  }
}

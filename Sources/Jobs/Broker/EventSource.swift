package import EventLoop

/// What happens to jobs, as it happens.
@EventLoop
package protocol EventSource: AnyObject, Sendable {
  /// Delivers what happens on a channel from now on, until the subscription is cancelled.
  ///
  /// Returns when the subscription stands: an event that follows a read made after the return is
  /// delivered. `receive` is called on the loop, for each job in the order of offsets. After an
  /// interruption (Redis away) every watched job and group is read anew and delivered whole, on a user's
  /// channel every job that has not ended and every one that ended meanwhile: what was missed is made up
  /// for, without the watcher doing anything; where that is too much for a user, ``Delivery/incomplete``
  /// says so. Several subscriptions to one
  /// channel share what lies below. Throws `unavailable` only if the subscription cannot be kept;
  /// while Redis is away a subscription waits for its return inside the broker.
  func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) async throws(BrokerError) -> any EventSubscription

  /// Delivers directives for a worker as they are given: the quick way; heartbeats repeat them.
  func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) async throws(BrokerError) -> any EventSubscription

  /// Whether events arrive at present: false between the loss of the source and its full recovery.
  var isDelivering: Bool { get }

  /// Whether the events of this channel arrive at present: a broker that keeps jobs at several places may
  /// deliver those of one and not of another.
  func isDelivering(on channel: Channel) -> Bool

  /// How the delivery does.
  var deliveryReport: DeliveryReport { get }

  /// Whether an event may be lost on its way without a word: where this is false, ``positions(of:)`` need not be
  /// compared with what was heard.
  var mayLoseEvents: Bool { get }

  /// How far the events of these jobs and groups have come, of those that have a record; nothing of a user's channel,
  /// which is many streams. Light: records are not read whole. What was published may not have arrived yet.
  func positions(of channels: [Channel]) async throws(BrokerError) -> [Channel: StreamPosition]

  /// Has `tell` called when delivery was interrupted, and when all that was missed is made up for and it goes on:
  /// what ``isDelivering(on:)`` answers may then be another. For as long as the source lives.
  func whenDeliveryChanges(_ tell: @escaping @EventLoop () -> Void)
}

extension EventSource {
  package func isDelivering(on channel: Channel) -> Bool { isDelivering }

  /// Nothing between here and there.
  package var deliveryReport: DeliveryReport { DeliveryReport() }

  /// Nothing between here and there.
  package var mayLoseEvents: Bool { false }

  /// Never interrupted.
  package func whenDeliveryChanges(_ tell: @escaping @EventLoop () -> Void) {}
}

/// What a watcher receives.
package enum Delivery: Hashable, Sendable {
  case event(JobEvent)
  /// The job as it stands, after an interruption; may repeat what was delivered before it.
  case snapshot(Job)
  /// The group as it stands after a change, or after an interruption.
  case group(JobGroup)
  /// More happened during an interruption than is told: whoever goes on reads anew.
  case incomplete
}

/// What a worker is told to do.
package enum WorkerDirective: Hashable, Sendable {
  /// Stop a job; `forced`: kill it at once.
  case cancel(JobID, forced: Bool)
  case become(WorkerMode)
}

/// A standing subscription; ends when cancelled, and only then.
@EventLoop
package protocol EventSubscription: AnyObject, Sendable {
  /// Nothing is delivered after this returns.
  func cancel()
}

import EventLoop
import Jobs

/// One channel that somebody on this node watches.
@EventLoop
final class WatchedChannel {
  let channel: Channel
  /// Ends when the broker's subscription stands, with its error if it does not; nil once it stands: a task that has
  /// ended still takes a kilobyte.
  var opening: Task<BrokerError?, Never>?
  var source: (any EventSubscription)?
  private(set) var subscriptions: ContiguousArray<Subscription> = []
  var isLingering = false
  var gap = GapDetector()
  /// What its watchers know of it.
  var isDelivering = true
  /// Events were interrupted, and nothing was heard of it since.
  var isOwed = false
  /// On a user's channel: the jobs that its watchers do not know yet.
  var introductions = Introductions()
  /// On a user's channel: lets progress of each job out every quarter of a second.
  var pace = ProgressPace(interval: .milliseconds(250))
  /// What was published in this turn of the loop.
  var turn: ContiguousArray<Publication> = []
  let counters: DeliveryCounters

  init(channel: Channel, opening: Task<BrokerError?, Never>, counters: DeliveryCounters) {
    self.channel = channel
    self.opening = opening
    self.counters = counters
  }

  /// Whether this turn has brought already all that a record says: those who were told its last step need no
  /// record of it.
  func hasBrought(_ record: Publication) -> Bool {
    guard record.event == nil, record.isNumbered, let top = record.position else { return false }
    return turn.contains { publication in
      guard publication.isNumbered, let position = publication.position else { return false }
      return position.epoch == top.epoch && position.offset >= top.offset
    }
  }

  /// Where the subscription stands that lacks most before `position`; nil where none lacks anything.
  func lastPlace(before position: StreamPosition) -> StreamPosition? {
    let lacking = subscriptions.compactMap { $0.place(in: position.epoch) }.filter { $0 + 1 < position.offset }
    return lacking.min().map { StreamPosition(offset: $0, epoch: position.epoch) }
  }

  func add(_ subscription: Subscription) {
    subscription.index = subscriptions.count
    subscriptions.append(subscription)
  }

  /// O(1): the last one takes the place.
  func remove(_ subscription: Subscription) {
    let index = subscription.index
    guard index >= 0, index < subscriptions.count, subscriptions[index] === subscription else {
      return
    }
    subscriptions.swapAt(index, subscriptions.count - 1)
    subscriptions[index].index = index
    subscriptions.removeLast()
    subscription.index = -1
  }
}

package import EventLoop

/// What became of a channel's publications on this node: the answer to "did the browser get it?"
///
/// A publication to three watchers is delivered three times, or conflated, or still waits. One object for the channel,
/// its subscriptions and what waits in their outboxes.
@EventLoop
package final class DeliveryCounters {
  /// What was counted; who watches now is not.
  package var census: WatchCensus

  /// Goes on counting from what was counted before.
  package init(_ census: WatchCensus = WatchCensus()) { self.census = census }

  func census(watchers: Int) -> WatchCensus {
    var census = census
    census.watchers = watchers
    return census
  }
}

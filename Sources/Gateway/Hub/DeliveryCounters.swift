package import EventLoop

/// What became of a channel's publications on this node: the answer to "did the browser get it?"
///
/// A publication to three watchers is delivered three times, or conflated, or still waits.
@EventLoop
package final class DeliveryCounters {
  /// Publications of the channel, however many watched.
  package var published = 0
  /// Publications handed to a watcher's socket.
  package var delivered = 0
  /// Progress that a watcher was not sent because newer progress was there.
  package var conflated = 0
  /// Watchers that came back with a position and were told what they lacked.
  package var recovered = 0

  package init() {}

  /// Goes on counting from what was counted before.
  init(_ census: WatchCensus) {
    published = census.published
    delivered = census.delivered
    conflated = census.conflated
    recovered = census.recovered
  }

  func census(watchers: Int) -> WatchCensus {
    var census = WatchCensus(watchers: watchers)
    census.published = published
    census.delivered = delivered
    census.conflated = conflated
    census.recovered = recovered
    return census
  }
}

import Jobs

/// What became of the publications of channels that nobody watches any more: of so many of them, the rest being
/// forgotten, the oldest first.
///
/// An operator asks when the watcher is gone: "did the browser get it?"
struct PastCensuses {
  private var censuses: [Channel: (census: WatchCensus, number: UInt64)] = [:]
  /// The order in which they came; those that were taken or came again stand in it too, with an old number.
  private var order: [(channel: Channel, number: UInt64)] = []
  private var oldest = 0
  private var last: UInt64 = 0
  private let limit: Int

  init(limit: Int = 10_000) { self.limit = limit }

  var count: Int { censuses.count }
  /// Places in the order, over ones included: bounded too.
  var placeCount: Int { order.count }

  /// Nothing was delivered of a channel that is not known.
  subscript(channel: Channel) -> WatchCensus { censuses[channel]?.census ?? WatchCensus() }

  /// Keeps what is worth keeping: of a channel that published nothing here there is nothing to tell.
  mutating func keep(_ census: WatchCensus, of channel: Channel) {
    guard census.published > 0 || census.recovered > 0 else { return }
    last += 1
    censuses[channel] = (census, last)
    order.append((channel, last))
    while censuses.count > limit { forgetOldest() }
    guard order.count > 4 * limit else { return }
    order = order[oldest...].filter { censuses[$0.channel]?.number == $0.number }
    oldest = 0
  }

  private mutating func forgetOldest() {
    let (channel, number) = order[oldest]
    oldest += 1
    if censuses[channel]?.number == number { censuses[channel] = nil }
  }

  /// Gives what is kept of a channel that is watched again, and keeps it no more.
  mutating func take(_ channel: Channel) -> WatchCensus {
    censuses.removeValue(forKey: channel)?.census ?? WatchCensus()
  }
}

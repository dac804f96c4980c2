package import EventLoop
package import Jobs

/// Who receives publications of a channel: a session, a stream of server-sent events, a long poll.
@EventLoop
package protocol Subscriber: AnyObject {
  /// Called at the end of a turn of the loop, once a channel.
  func receive(_ batch: PublicationBatch)
  /// The subscription has lost its place: its stream is gone, was set back, or is another one now. Nothing more
  /// is delivered. The subscriber leaves; to go on it subscribes anew and reads the record.
  func lost(_ subscription: Subscription)
}

/// One subscriber's place in one channel.
///
/// Begins by gathering: what is published while the subscriber reads the record is kept, and
/// delivered behind it as far as it is newer. So nothing falls between the two.
@EventLoop
package final class Subscription {
  package let channel: Channel
  /// Held until the subscriber leaves. Not `unowned`: following that costs more than the delivery.
  private(set) var subscriber: (any Subscriber)?
  private var phase = Phase.gathering([])
  /// Where it is counted what becomes of the channel's publications.
  var counters: DeliveryCounters?
  /// Whether what it was told last of its stream is the end.
  var wasToldEnd = false
  /// The place in the hub's list, which the hub keeps.
  var index = -1
  /// Whether it was told the job's place, and is told again only when that changes.
  var knowsPlace = false
  /// Where progress is to come no more often than this: what holds it back.
  private var pace: ProgressPace?
  private let wheel: TimerWheel

  private enum Phase {
    case gathering([PublicationBatch])
    /// Everything up to this offset was delivered, where the channel is one stream; of which epoch, is told by
    /// its hash: a number is compared at no cost.
    case live(last: UInt64, stream: Int)
    /// Its place was lost while it gathered.
    case lost
    case ended
  }

  init(channel: Channel, subscriber: any Subscriber, wheel: TimerWheel) {
    self.channel = channel
    self.subscriber = subscriber
    self.wheel = wheel
  }

  /// The shortest time between two events of progress of the same job or group; zero: all of them. What comes
  /// between is dropped but for the newest; changes of state come at once.
  package var minimumInterval: Duration {
    get { pace?.interval ?? .zero }
    set { pace = newValue > .zero ? ProgressPace(interval: newValue) : nil }
  }

  /// Delivers what was gathered beyond `position`, and from now on what comes; nil where the channel is not one
  /// stream.
  package func goLive(after position: StreamPosition?) {
    if case .lost = phase {
      phase = .ended
      subscriber?.lost(self)
    }
    guard case .gathering(let gathered) = phase else { return }
    phase = .live(last: position?.offset ?? 0, stream: position?.epoch.hashValue ?? 0)
    if let position, Self.hasHole(gathered, after: position) { return lose() }
    for batch in gathered { deliver(batch) }
  }

  /// Whether something lies between the record and the first event that was heard behind it: lost, where nobody had
  /// yet heard anything that it could have been missed by.
  private static func hasHole(_ gathered: [PublicationBatch], after position: StreamPosition) -> Bool {
    for publication in gathered.lazy.flatMap(\.publications) where publication.isNumbered {
      guard let next = publication.position, next.epoch == position.epoch, next.offset > position.offset
      else { continue }
      return publication.event != nil && next.offset > position.offset + 1
    }
    return false
  }

  /// How far it was told; nil before it went live.
  var place: PositionWatch.Place? {
    guard case .live(let last, let stream) = phase else { return nil }
    return .init(offset: last, stream: stream)
  }

  /// The offset up to which everything was delivered, of one who follows this epoch.
  func place(in epoch: String) -> UInt64? {
    guard case .live(let last, epoch.hashValue) = phase else { return nil }
    return last
  }

  func deliver(_ batch: PublicationBatch) {
    switch phase {
    case .live(let last, let stream):
      guard let span = batch.span else { return hand(batch) }
      guard span.stream == stream else { return lose() }
      if last < span.offsets.lowerBound {
        phase = .live(last: span.offsets.upperBound, stream: stream)
        wasToldEnd = span.isEnd
        hand(batch)
      } else if let rest = batch.after(last) {
        phase = .live(last: max(last, span.offsets.upperBound), stream: stream)
        if last < span.offsets.upperBound { wasToldEnd = span.isEnd }
        hand(rest)
      }
    case .gathering(var gathered):
      phase = .ended
      gathered.append(batch)
      phase = .gathering(gathered)
    case .lost, .ended: break
    }
  }

  private func hand(_ batch: PublicationBatch) {
    if pace == nil { subscriber?.receive(batch) } else { pace(batch) }
  }

  /// Holds progress back that comes too soon.
  private func pace(_ batch: PublicationBatch) {
    var passing: ContiguousArray<Publication> = []
    let now = ContinuousClock.now
    for publication in batch.publications {
      guard publication.isProgress else {
        if let held = pace?.changed(publication.subject, isEnd: publication.isTerminal) { passing.append(held) }
        passing.append(publication)
        continue
      }
      switch pace?.take(publication, at: now) {
      case .pass, nil: passing.append(publication)
      case .replace: batch.counters?.census.conflated += 1
      case .hold(let delay):
        let subject = publication.subject
        wheel.schedule(after: delay) { [weak self] in self?.letGo(of: subject, countedBy: batch.counters) }
      }
    }
    if !passing.isEmpty { subscriber?.receive(PublicationBatch(passing, counters: batch.counters)) }
  }

  private func letGo(of subject: Subject?, countedBy counters: DeliveryCounters?) {
    guard case .live = phase, let held = pace?.due(of: subject, at: .now) else { return }
    subscriber?.receive(PublicationBatch(held, counters: counters))
  }

  /// Tells the subscriber that its place is lost. One that still gathers is told when it goes live: the record that it
  /// has read may be that of before, behind which nothing of what comes would reach it.
  func lose() {
    switch phase {
    case .live:
      phase = .ended
      subscriber?.lost(self)
    case .gathering: phase = .lost
    case .lost, .ended: break
    }
  }

  func end() {
    phase = .ended
    subscriber = nil
    pace = nil
  }
}

package import EventLoop
package import Jobs

/// Who receives publications of a channel: a session, a stream of server-sent events, a long poll.
@EventLoop
package protocol Subscriber: AnyObject {
  func receive(_ publication: Publication)
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
  /// The floor on the time between two publications of progress, as the subscriber wishes; zero: none.
  package var minimumInterval = Duration.zero
  /// The place in the hub's list, which the hub keeps.
  var index = -1

  private enum Phase {
    case gathering([Publication])
    /// Everything up to this offset was delivered, where the channel is one stream; of which epoch, is told by
    /// its hash: a number is compared at no cost.
    case live(last: UInt64, stream: Int)
    case ended
  }

  init(channel: Channel, subscriber: any Subscriber) {
    self.channel = channel
    self.subscriber = subscriber
  }

  /// Delivers what was gathered beyond `position`, and from now on what comes; nil where the channel is not one
  /// stream.
  package func goLive(after position: StreamPosition?) {
    guard case .gathering(let gathered) = phase else { return }
    phase = .live(last: position?.offset ?? 0, stream: position?.epoch.hashValue ?? 0)
    for publication in gathered { deliver(publication) }
  }

  func deliver(_ publication: Publication) {
    switch phase {
    case .live(let last, let stream):
      if publication.isNumbered, let position = publication.position {
        guard publication.stream == stream else { return lose() }
        guard position.offset > last else { return }
        phase = .live(last: position.offset, stream: stream)
      }
      subscriber?.receive(publication)
    case .gathering(var gathered):
      phase = .ended
      gathered.append(publication)
      phase = .gathering(gathered)
    case .ended: break
    }
  }

  /// Tells the subscriber that its place is lost. One that still gathers reads the record by itself.
  func lose() {
    guard case .live = phase else { return }
    phase = .ended
    subscriber?.lost(self)
  }

  func end() {
    phase = .ended
    subscriber = nil
  }
}

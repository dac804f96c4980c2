package import EventLoop
package import Jobs

/// Who receives publications of a channel: a session, a stream of server-sent events, a long poll.
@EventLoop
package protocol Subscriber: AnyObject {
  func receive(_ publication: Publication)
}

/// One subscriber's place in one channel.
///
/// Begins by gathering: what is published while the subscriber reads the record is kept, and
/// delivered behind it as far as it is newer. So nothing falls between the two.
@EventLoop
package final class Subscription {
  package let channel: Channel
  /// Held until the subscriber leaves. Not `unowned`: following that costs more than the delivery.
  private var subscriber: (any Subscriber)?
  private var phase = Phase.gathering([])
  /// The place in the hub's list, which the hub keeps.
  var index = -1

  private enum Phase {
    case gathering([Publication])
    /// Everything up to this offset was delivered, where the channel is one stream.
    case live(last: UInt64)
    case ended
  }

  init(channel: Channel, subscriber: any Subscriber) {
    self.channel = channel
    self.subscriber = subscriber
  }

  /// Delivers what was gathered beyond `offset`, and from now on what comes.
  package func goLive(after offset: UInt64) {
    guard case .gathering(let gathered) = phase else { return }
    phase = .live(last: offset)
    for publication in gathered { deliver(publication) }
  }

  func deliver(_ publication: Publication) {
    switch phase {
    case .live(let last):
      if publication.isNumbered, let position = publication.position {
        guard position.offset > last else { return }
        phase = .live(last: position.offset)
      }
      subscriber?.receive(publication)
    case .gathering(var gathered):
      phase = .ended
      gathered.append(publication)
      phase = .gathering(gathered)
    case .ended: break
    }
  }

  func end() {
    phase = .ended
    subscriber = nil
  }
}

import EventLoop
import Jobs
import Logging

/// The subscriptions that come with `connect`: those that the token names, and those that the gateway itself had
/// made for `watch`, taken up again by a new connection.
///
/// SDKs keep the positions of such channels and name them in the next `connect`; one that the answer does not hold
/// they count as lost (spec §9).
extension SessionEnvironment {
  /// A channel that was taken up, and gathers until the answer to `connect` has been sent.
  struct Resumption {
    let opening: ChannelOpening
    let request: Recovery.Request?
  }

  /// Joins the channels that the token wants and those that `connect` names, as far as the user may read them. The
  /// others are left out: one that is gone must not keep its watcher from connecting. Throws `serverError` where the
  /// broker is away: one that is left out then would be lost to an SDK, which comes back after this.
  func resumptions(
    in connect: JSONValue, as identity: Identity,
    open: @EventLoop (Channel) async throws(Disconnect) -> ChannelOpening?
  ) async throws(Disconnect) -> [Resumption] {
    guard identity.permissions.allows(.read) else { return [] }
    let named = connect["subs"]?.object ?? []
    let names = identity.channels + named.map(\.name)
    var resumptions: [Resumption] = []
    var seen: Set<Channel> = []
    for name in names {
      guard let channel = Channel(name) else {
        logger.debug("a channel that is none was asked for with connect", metadata: ["channel": "\(name)"])
        continue
      }
      guard seen.insert(channel).inserted else { continue }
      guard resumptions.count < settings.channelsPerConnection else { break }
      guard let opening = try await open(channel) else { continue }
      resumptions.append(
        Resumption(opening: opening, request: Self.request(of: channel, among: named, for: opening)))
    }
    return resumptions
  }

  /// The position that the client sent; one that cannot be read is one of nothing we know.
  private static func request(
    of channel: Channel, among named: [(name: String, value: JSONValue)], for opening: ChannelOpening
  ) -> Recovery.Request? {
    guard let value = named.last(where: { Channel($0.name) == channel })?.value else { return nil }
    do throws(ReplyError) { return try Recovery.Request(reading: value) } catch {
      return .unreadable
    }
  }
}

extension JSONWriter {
  /// `subs` of a connect result: a subscribe result for each channel.
  @EventLoop
  mutating func write(_ resumptions: [SessionEnvironment.Resumption]) {
    guard !resumptions.isEmpty else { return }
    object("subs") {
      for resumption in resumptions {
        $0.object(named: resumption.opening.subscription.channel.description) {
          resumption.opening.write(to: resumption.request, into: &$0)
        }
      }
    }
  }
}

package import EventLoop
package import Jobs

/// A client that watches a channel.
package struct PresentClient: Hashable, Sendable {
  package var id: String
  package var user: String

  package init(id: String, user: String) {
    self.id = id
    self.user = user
  }
}

/// How many watch a channel.
package struct PresenceCount: Hashable, Sendable {
  /// Connections: a user with two tabs is two.
  package var clients: Int
  package var users: Int

  package init(clients: Int, users: Int) {
    self.clients = clients
    self.users = users
  }
}

/// Who watches what, as `presence` and `presence_stats` tell it.
@EventLoop
package protocol PresenceSource: AnyObject {
  /// The clients that watch the channel, as far as the source sees, in no order.
  func present(on channel: Channel) async -> [PresentClient]
  /// How many there are, as far as the source sees.
  func count(on channel: Channel) async -> PresenceCount
}

/// A subscriber with a client behind it that stays.
@EventLoop
package protocol WatchingClient: Subscriber {
  /// Nil before it is known who it is.
  var present: PresentClient? { get }
}

/// The presence of this node alone, as its hub has it.
@EventLoop
package final class LocalPresence: PresenceSource {
  private let hub: Hub

  package init(hub: Hub) { self.hub = hub }

  package func present(on channel: Channel) -> [PresentClient] {
    hub.subscriptions(of: channel).compactMap { ($0.subscriber as? any WatchingClient)?.present }
  }

  package func count(on channel: Channel) -> PresenceCount {
    let present = present(on: channel)
    return PresenceCount(clients: present.count, users: Set(present.map(\.user)).count)
  }
}

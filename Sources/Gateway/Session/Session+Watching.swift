import EventLoop
import Jobs

/// The channels of a connection: joined, left, and lost.
extension Session {
  /// Joins a channel and reads what is told first, in the name of `identity`.
  ///
  /// Nil where the connection has gone meanwhile; then, and where this throws, nothing is left joined.
  func watch(_ channel: Channel, as identity: Identity) async throws(Problem) -> ChannelOpening? {
    do throws(Problem) {
      return stillWanted(
        try await environment.open(channel, for: self, as: identity) { subscriptions[channel] = $0 })
    } catch {
      forget(channel)
      throw error
    }
  }

  /// The same as the server's doing, which fails no command.
  func watchUnasked(_ channel: Channel, as identity: Identity) async throws(Disconnect) -> ChannelOpening? {
    let opening: ChannelOpening?
    do throws(Disconnect) {
      opening = try await environment.openUnasked(channel, for: self, as: identity) {
        subscriptions[channel] = $0
      }
    } catch {
      forget(channel)
      throw error
    }
    guard let opening else {
      forget(channel)
      return nil
    }
    guard let wanted = stillWanted(opening) else { return nil }
    serverSide.insert(channel)
    return wanted
  }

  /// Leaves the channel.
  func abandon(_ subscription: Subscription) {
    environment.hub.leave(subscription)
    if subscriptions[subscription.channel] === subscription { forget(subscription.channel) }
  }

  private func forget(_ channel: Channel) {
    subscriptions[channel] = nil
    serverSide.remove(channel)
    grants.removeValue(forKey: channel)?.cancel()
  }

  /// Nil, and left, when the connection went while the record was read.
  private func stillWanted(_ opening: ChannelOpening) -> ChannelOpening? {
    let subscription = opening.subscription
    if state.phase == .connected, subscriptions[subscription.channel] === subscription { return opening }
    abandon(subscription)
    return nil
  }

  /// The subscription has lost its place (spec §6, live loss detection): a client subscribes anew by itself to what
  /// it subscribed to, and connects anew to be given what the gateway had subscribed it to.
  package func lost(_ subscription: Subscription) {
    guard subscriptions[subscription.channel] === subscription else { return }
    guard !serverSide.contains(subscription.channel) else { return disconnect(.insufficientState) }
    end(subscription, .insufficientState)
  }

  /// Ends a subscription as the server's doing, and says why.
  func end(_ subscription: Subscription, _ reason: Unsubscription) {
    abandon(subscription)
    send(Reply.unsubscribed(from: subscription.channel, reason))
  }
}

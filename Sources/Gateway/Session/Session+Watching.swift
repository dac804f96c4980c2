import EventLoop
import Jobs
import Logging

/// Watching a job or a group: the channel is joined, the record read, and what happens meanwhile kept, so
/// that nothing falls between the two.
extension Session {
  /// A channel that was joined, and the record read since. Events gather until ``goLive()``,
  /// which comes once the record has been sent.
  @EventLoop
  struct Watch {
    let subscription: Subscription
    let record: WatchedRecord

    func goLive() { subscription.goLive(after: record.position.offset) }
  }

  /// Joins the subject's channel and reads its record in the name of `identity`.
  ///
  /// Nil where the connection has gone meanwhile; then, and where this throws, nothing is left joined.
  func watch(_ subject: Subject, as identity: Identity) async throws(Problem) -> Watch? {
    let subscription = try await join(subject.channel)
    do throws(Problem) {
      let record = try await environment.record(of: subject, for: identity)
      if isStillWanted(subscription) { return Watch(subscription: subscription, record: record) }
    } catch {
      abandon(subscription)
      throw error
    }
    abandon(subscription)
    return nil
  }

  /// As ``watch(_:as:)``, where the gateway subscribes by itself: that something cannot be watched fails
  /// no command, but is logged, and the client subscribes by itself.
  func watchUnasked(_ subject: Subject, as identity: Identity) async -> Watch? {
    do throws(Problem) {
      return try await watch(subject, as: identity)
    } catch {
      environment.logger.log(
        level: error.status < 500 ? .debug : .notice, "a channel is not watched for its client",
        metadata: ["channel": "\(subject)", "problem": "\(error.code.rawValue)"])
      return nil
    }
  }

  /// Joins the hub's list; from here until `goLive` events are gathered.
  func join(_ channel: Channel) async throws(Problem) -> Subscription {
    do throws(BrokerError) {
      let subscription = try await environment.hub.join(channel, self)
      subscriptions[channel] = subscription
      return subscription
    } catch {
      throw Problem(error)
    }
  }

  /// Leaves the channel.
  func abandon(_ subscription: Subscription) {
    environment.hub.leave(subscription)
    if subscriptions[subscription.channel] === subscription {
      subscriptions[subscription.channel] = nil
    }
  }

  /// False when the connection went while the record was read.
  func isStillWanted(_ subscription: Subscription) -> Bool {
    state.phase == .connected && subscriptions[subscription.channel] === subscription
  }
}

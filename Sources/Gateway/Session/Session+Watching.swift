import EventLoop
import Jobs
import Logging

/// Watching a job: the channel is joined, the record read, and what happens meanwhile kept, so that
/// nothing falls between the two.
extension Session {
  /// A job's channel that was joined, and the record read since. Events gather until ``goLive()``,
  /// which comes once the record has been sent.
  @EventLoop
  struct Watch {
    let subscription: Subscription
    let job: Job

    func goLive() { subscription.goLive(after: job.position.offset) }
  }

  /// Joins the job's channel and reads its record in the name of `identity`.
  ///
  /// Nil where the connection has gone meanwhile; then, and where this throws, nothing is left joined.
  func watch(_ id: JobID, as identity: Identity) async throws(Problem) -> Watch? {
    let subscription = try await join(.job(id))
    do throws(Problem) {
      let job = try await environment.verbs.job(id, for: identity)
      if isStillWanted(subscription) { return Watch(subscription: subscription, job: job) }
    } catch {
      abandon(subscription)
      throw error
    }
    abandon(subscription)
    return nil
  }

  /// As ``watch(_:as:)``, where the gateway subscribes by itself: that a job cannot be watched fails
  /// no command, but is logged, and the client subscribes by itself.
  func watchUnasked(_ id: JobID, as identity: Identity) async -> Watch? {
    do throws(Problem) {
      return try await watch(id, as: identity)
    } catch {
      environment.logger.log(
        level: error.status < 500 ? .debug : .notice, "a job is not watched for its client",
        metadata: ["job": "\(id)", "problem": "\(error.code.rawValue)"])
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

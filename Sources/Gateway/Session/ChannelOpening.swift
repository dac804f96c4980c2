import EventLoop
import Jobs
import Logging

/// A channel that was joined, and what its subscriber is told first, read since. Events gather until ``goLive()``,
/// which comes once that has been sent: nothing falls between the two.
@EventLoop
struct ChannelOpening {
  enum Content {
    case record(WatchedRecord)
    /// Of a user's channel: the newest jobs.
    case jobs(JobPage)
  }

  let subscription: Subscription
  let content: Content

  /// The record, where the channel has one.
  var record: WatchedRecord? { if case .record(let record) = content { record } else { nil } }
  private var position: StreamPosition? { record?.position }

  func goLive() {
    subscription.wasToldEnd = record?.hasEnded == true
    subscription.goLive(after: position)
  }

  /// The client came back and is told what it lacked.
  func countRecovery() { subscription.counters?.census.recovered += 1 }

  /// What a client with this position is to be told. A user's channel has no positions: none is recovered there.
  func recovery(of request: Recovery.Request?) -> Recovery {
    if let position { return Recovery(of: request, at: position) }
    return request == nil ? .fresh : .lost
  }

  /// The members of a subscribe result (spec §6); its `data` is always the whole state. A `subscribe` push, which
  /// nobody asked for, has no publications.
  func write(to request: Recovery.Request?, asPush isPush: Bool = false, into writer: inout JSONWriter) {
    if request != nil { writer.member("was_recovering", true) }
    switch content {
    case .record(let record):
      write(record, isPush ? nil : recovery(of: request), request, into: &writer)
    case .jobs(let page):
      writer.object("data") {
        $0.array("jobs") { list in
          for job in page.jobs { list.element(JobDocument.text(of: job)) }
        }
      }
    }
  }

  private func write(
    _ record: WatchedRecord, _ recovery: Recovery?, _ request: Recovery.Request?, into writer: inout JSONWriter
  ) {
    writer.member("recoverable", true)
    writer.member("positioned", true)
    writer.member("epoch", record.position.epoch)
    writer.member("data", record.document)
    let isTold =
      switch recovery {
      case .catchUp: true
      case .fresh, .lost: record.hasEnded
      case .upToDate, nil: false
      }
    if recovery == .catchUp { countRecovery() }
    if isTold {
      writer.array("publications") { list in
        list.object { Publication(record).writePublication(into: &$0) }
      }
    }
    switch recovery {
    // The client's own offset: the SDK moves forward through the publications (spec §19.4).
    case .upToDate, .catchUp:
      writer.member("recovered", true)
      if let offset = request?.offset, offset > 0 { writer.member("offset", offset) }
    case .fresh, .lost, nil: writer.member("offset", record.position.offset)
    }
  }
}

extension SessionEnvironment {
  /// Joins a channel and reads what its subscriber is told first, in the name of `identity`.
  ///
  /// `joined` is told of the subscription as soon as it stands. Where this throws, nothing is left joined.
  func open(
    _ channel: Channel, for subscriber: any Subscriber, as identity: Identity,
    joined: @EventLoop (Subscription) -> Void = { _ in }
  ) async throws(Problem) -> ChannelOpening {
    if case .user = channel { try await requireSight(of: channel, for: identity) }
    let subscription: Subscription
    do throws(BrokerError) { subscription = try await hub.join(channel, subscriber) } catch {
      throw Problem(error)
    }
    joined(subscription)
    do throws(Problem) {
      return ChannelOpening(
        subscription: subscription, content: try await content(of: channel, for: identity))
    } catch {
      hub.leave(subscription)
      throw error
    }
  }

  private func content(
    of channel: Channel, for identity: Identity
  ) async throws(Problem) -> ChannelOpening.Content {
    switch channel {
    case .job(let id): .record(try await record(of: .job(id), for: identity))
    case .group(let id): .record(try await record(of: .group(id), for: identity))
    case .user(let user): .jobs(try await verbs.jobs(JobListing(JobFilter(user: user)), for: identity))
    }
  }

  /// As ``open(_:for:as:joined:)``, where the gateway subscribes by itself: that something cannot be watched fails
  /// nothing, but is logged, and the client subscribes by itself. Throws `serverError` where the broker is away.
  func openUnasked(
    _ channel: Channel, for subscriber: any Subscriber, as identity: Identity,
    joined: @EventLoop (Subscription) -> Void = { _ in }
  ) async throws(Disconnect) -> ChannelOpening? {
    do throws(Problem) {
      return try await open(channel, for: subscriber, as: identity, joined: joined)
    } catch {
      logger.log(
        level: error.status < 500 ? .debug : .notice, "a channel is not watched for its client",
        metadata: ["channel": "\(channel)", "problem": "\(error.code.rawValue)"])
      if error.code == .brokerUnavailable { throw .serverError }
      return nil
    }
  }
}

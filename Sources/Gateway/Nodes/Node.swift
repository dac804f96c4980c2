package import EventLoop
package import Jobs
package import Logging

/// This gateway among those that share its broker: it says that it is there, hears what is told to all, and asks.
@EventLoop
package final class Node {
  /// What a node says of itself that changes.
  package struct Load: Hashable, Sendable {
    package var connections = 0
    package var subscriptions = 0
    package var isDraining = false

    package init() {}
  }

  package let id: NodeID
  private let broker: any Broker
  private let authenticator: LiveAuthenticator
  private let surveys: NodeSurveys
  private let version: String
  private let host: String
  private let process: Int
  private let logger: Logger
  private let startedAt = Timestamp.now
  private var load: @EventLoop () -> Load = { Load() }
  private var subscription: (any EventSubscription)?
  private var timer: LoopTimer?
  private var reading: Task<Void, Never>?
  private var isStopped = false
  private var isBeating = false

  /// How often a node says that it is there, and how long it is believed.
  private static let interval = Duration.seconds(2)
  private static let lifetime = Duration.seconds(10)

  /// A node that is not known to the others before ``start(_:)``.
  package init(
    id: NodeID, broker: any Broker, authenticator: LiveAuthenticator, version: String, host: String, process: Int,
    logger: Logger
  ) {
    self.id = id
    self.broker = broker
    self.authenticator = authenticator
    self.version = version
    self.host = host
    self.process = process
    self.logger = logger
    surveys = NodeSurveys(node: id, broker: broker)
  }

  /// Begins to listen, reads the list of revocations, and beats from now on. `load` tells how the node is.
  package func start(_ load: @escaping @EventLoop () -> Load) {
    self.load = load
    broker.whenDeliveryChanges { [weak self] in self?.deliveryChanged() }
    reading = Task { @EventLoop [weak self] in await self?.listen() }
    timer = LoopTimer(every: Self.interval, first: .milliseconds(1)) { [weak self] in
      Task { @EventLoop [weak self] in await self?.beat() }
    }
  }

  /// Is heard of no more, and hears nothing.
  package func stop() async {
    isStopped = true
    timer = nil
    reading?.cancel()
    subscription?.cancel()
    subscription = nil
    do throws(BrokerError) { try await broker.dismiss(id) } catch {
      logger.debug("the node could not say goodbye", metadata: ["error": "\(error)"])
    }
  }

  /// How it stands now.
  package var report: NodeReport {
    let load = load()
    return NodeReport(
      id: id, host: host, process: process, version: version, startedAt: startedAt,
      connections: load.connections, subscriptions: load.subscriptions, isDraining: load.isDraining,
      isDelivering: broker.isDelivering, deliveryDelay: broker.deliveryReport.delay)
  }

  private func beat() async {
    // One that is held up says later how it stands then.
    guard !isStopped, !isBeating else { return }
    isBeating = true
    do throws(BrokerError) { try await broker.beat(report, for: Self.lifetime) } catch {
      logger.debug("the node could not say that it is there", metadata: ["error": "\(error)"])
    }
    isBeating = false
  }

  // MARK: What is told

  /// Listens first, then reads: a revocation that is made meanwhile is heard or stands on the list.
  private func listen() async {
    do throws(BrokerError) {
      let subscription = try await broker.controlMessages(to: id) { [weak self] in self?.hear($0) }
      guard !isStopped else { return subscription.cancel() }
      self.subscription = subscription
    } catch {
      logger.error("the node hears nothing of others", metadata: ["error": "\(error)"])
    }
    await readRevocations()
  }

  private func hear(_ message: ControlMessage) {
    switch message {
    case .revoked(let revocation): authenticator.revoke(revocation)
    case .question(let question): surveys.answer(question)
    case .answer(let answer): surveys.take(answer)
    }
  }

  /// What was told while nothing was heard is read again.
  private func deliveryChanged() {
    guard broker.isDelivering, !isStopped, subscription != nil else { return }
    reading?.cancel()
    reading = Task { @EventLoop [weak self] in await self?.readRevocations() }
  }

  /// Tries until it succeeds.
  private func readRevocations() async {
    while !Task.isCancelled, !isStopped {
      do throws(BrokerError) {
        for revocation in try await broker.allRevocations() { authenticator.revoke(revocation) }
        authenticator.revocationsAreKnown()
        return
      } catch {
        logger.log(
          level: error == .unavailable ? .debug : .error, "revocations could not be read",
          metadata: ["error": "\(error)"])
        await EventLoop.pause(for: .milliseconds(500))
      }
    }
  }

  // MARK: Surveys

  /// Answers questions on a topic with what `respond` says of a subject; nil: nothing.
  package func answers(_ topic: String, _ respond: @escaping @EventLoop (String) -> JSONText?) {
    surveys.responders[topic] = respond
  }

  /// Asks every node that is there, this one included; see ``NodeSurveys/ask(_:about:within:)``.
  package func survey(
    _ topic: String, about subject: String, within limit: Duration = .milliseconds(500)
  ) async -> NodeSurveys.Result {
    await surveys.ask(topic, about: subject, within: limit)
  }
}

import EventLoop
import Logging
import Redis

extension RedisBroker {
  package func beat(_ report: NodeReport, for lifetime: Duration) async throws(BrokerError) {
    try await beat(report.id, lifetime, report.messagePack.encoded)
  }

  package func dismiss(_ node: NodeID) async throws(BrokerError) { try await beat(node, .zero, []) }

  private func beat(
    _ node: NodeID, _ lifetime: Duration, _ report: [UInt8]
  ) async throws(BrokerError) {
    _ = try await run(scripts.beatNode) { command in
      command.append(node.description)
      command.append(lifetime.milliseconds)
      command.append(report)
    }
  }

  package func nodes() async throws(BrokerError) -> [NodeReport] {
    let parts = try await run(scripts.nodes) { _ in }.elements ?? []
    var reports: [NodeReport] = []
    for index in stride(from: 0, to: parts.count - 1, by: 2) {
      guard let id = parts[index].text, let bytes = parts[index + 1].bytes,
        let report = NodeReport(NodeID(id), bytes)
      else { throw .corrupt("a node's report has another form") }
      reports.append(report)
    }
    return reports.sorted { $0.id < $1.id }
  }

  package func tell(_ node: NodeID?, _ message: ControlMessage) async throws(BrokerError) {
    let channel = node.map { keys.key(.nodeControl, $0.description) } ?? keys.key(.control)
    var command = RedisCommand("PUBLISH", channel)
    command.append(message.messagePack.encoded)
    do { _ = try await client.send(command) } catch { throw BrokerError(error) }
  }

  package func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) async throws(BrokerError) -> any EventSubscription {
    let logger = logger
    let hear: @EventLoop ([UInt8]) -> Void = { bytes in
      guard let message = ControlMessage(message: bytes) else {
        // A node of another version says what this one does not know yet.
        logger.debug("a control message has another form", metadata: ["bytes": "\(bytes.count)"])
        return
      }
      receive(message)
    }
    do throws(RedisError) {
      let ours = try await subscriber.subscribe(to: keys.key(.control), hear)
      do throws(RedisError) {
        let own = try await subscriber.subscribe(to: keys.key(.nodeControl, node.description), hear)
        return ControlSubscription([ours, own])
      } catch {
        ours.cancel()
        throw error
      }
    } catch { throw BrokerError(error) }
  }
}

/// A node's subscription to what is told to it and to all.
@EventLoop
private final class ControlSubscription: EventSubscription {
  private var subscriptions: [RedisSubscription]

  init(_ subscriptions: [RedisSubscription]) { self.subscriptions = subscriptions }

  func cancel() {
    for subscription in subscriptions { subscription.cancel() }
    subscriptions = []
  }
}

extension ControlMessage {
  fileprivate var messagePack: MessagePack {
    switch self {
    case .revoked(let revocation):
      .array([
        .text("revoked"), .text(revocation.subject.key), .integer(revocation.at.milliseconds),
        .integer(revocation.until.milliseconds),
      ])
    case .question(let question):
      .array([
        .text("question"), .integer(Int64(question.number)), .text(question.asker.description),
        .text(question.topic), .text(question.subject),
      ])
    case .answer(let answer):
      .array([
        .text("answer"), .integer(Int64(answer.number)), .text(answer.node.description),
        .bytes(answer.content.bytes),
      ])
    }
  }

  fileprivate init?(message: [UInt8]) {
    guard let parts = MessagePack.array(in: message), let word = parts.first?.text else { return nil }
    switch (word, parts.count) {
    case ("revoked", 4):
      guard let subject = parts[1].text.flatMap({ Revocation.Subject(key: $0) }),
        let at = parts[2].timestamp, let until = parts[3].timestamp
      else { return nil }
      self = .revoked(Revocation(subject, at: at, until: until))
    case ("question", 5):
      guard let number = parts[1].integer, let asker = parts[2].text, let topic = parts[3].text,
        let subject = parts[4].text
      else { return nil }
      self = .question(
        SurveyQuestion(number: Int(number), asker: NodeID(asker), topic: topic, subject: subject))
    case ("answer", 4):
      guard let number = parts[1].integer, let node = parts[2].text,
        let content = parts[3].bytes.flatMap({ try? JSONText(validating: String(decoding: $0, as: UTF8.self)) })
      else { return nil }
      self = .answer(SurveyAnswer(number: Int(number), node: NodeID(node), content: content))
    default: return nil
    }
  }
}

extension NodeReport {
  fileprivate var messagePack: MessagePack {
    var fields: [String: MessagePack] = [
      "host": .text(host), "process": .integer(Int64(process)), "version": .text(version),
      "started": .integer(startedAt.milliseconds), "connections": .integer(Int64(connections)),
      "subscriptions": .integer(Int64(subscriptions)), "draining": .boolean(isDraining),
      "delivering": .boolean(isDelivering),
    ]
    fields["delay"] = deliveryDelay.map { .duration($0) }
    return .map(fields)
  }

  fileprivate init?(_ id: NodeID, _ bytes: [UInt8]) {
    guard let fields = MessagePack.values(in: bytes)?.first?.fields, let host = fields["host"]?.text,
      let process = fields["process"]?.integer, let version = fields["version"]?.text,
      let started = fields["started"]?.timestamp, let connections = fields["connections"]?.integer,
      let subscriptions = fields["subscriptions"]?.integer
    else { return nil }
    self.init(
      id: id, host: host, process: Int(process), version: version, startedAt: started,
      connections: Int(connections), subscriptions: Int(subscriptions),
      isDraining: fields["draining"]?.isTrue ?? false, isDelivering: fields["delivering"]?.isTrue ?? true,
      deliveryDelay: fields["delay"]?.duration)
  }
}

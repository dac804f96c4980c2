package import EventLoop
package import Jobs

/// Questions that one node asks all, and the answers as they come.
@EventLoop
package final class NodeSurveys {
  /// What came of a question.
  package struct Result: Hashable, Sendable {
    /// The answers that came in time, this node's own first.
    package var answers: [JSONText] = []
    /// How many nodes were there and did not answer in time.
    package var missing = 0
  }

  private struct Gathering {
    var answers: [JSONText]
    var missing: Set<NodeID>
    var isOver: LoopContinuation<Void>?
  }

  private let node: NodeID
  private let broker: any Broker
  private var gatherings: [Int: Gathering] = [:]
  private var last = 0
  /// What this node answers, by topic.
  var responders: [String: @EventLoop (String) -> JSONText?] = [:]

  init(node: NodeID, broker: any Broker) {
    self.node = node
    self.broker = broker
  }

  /// Asks every node that is there. Returns when all have answered, or after `limit`; at once where there is no other.
  ///
  /// While the broker is away this node's own answer is all there is.
  func ask(
    _ topic: String, about subject: String, within limit: Duration
  ) async -> Result {
    last += 1
    let number = last
    let own = responders[topic].flatMap { $0(subject) }
    var result = Result(answers: own.map { [$0] } ?? [])
    do throws(BrokerError) {
      let others = Set(try await broker.nodes().map(\.id)).subtracting([node])
      guard !others.isEmpty else { return result }
      gatherings[number] = Gathering(answers: [], missing: others)
      defer { gatherings[number] = nil }
      try await broker.tell(
        nil, .question(SurveyQuestion(number: number, asker: node, topic: topic, subject: subject)))
      let timeout = LoopTimer(after: limit) { [weak self] in
        self?.gatherings[number]?.isOver?.resume()
        self?.gatherings[number]?.isOver = nil
      }
      // All may have answered before this one heard that the question is out.
      if gatherings[number]?.missing.isEmpty == false {
        await EventLoop.suspend { gatherings[number]?.isOver = $0 }
      }
      timeout.stop()
      result.answers += gatherings[number]?.answers ?? []
      result.missing = gatherings[number]?.missing.count ?? 0
    } catch {
      return result
    }
    return result
  }

  /// Another node asks.
  func answer(_ question: SurveyQuestion) {
    guard question.asker != node, let content = responders[question.topic].flatMap({ $0(question.subject) }),
      content.bytes.count <= SurveyAnswer.byteLimit
    else { return }
    let answer = SurveyAnswer(number: question.number, node: node, content: content)
    let broker = broker
    Task { @EventLoop in
      // Lost like any hint: who asked goes on without it.
      try? await broker.tell(question.asker, .answer(answer))
    }
  }

  /// Another node answers. One that is late, or was not asked, is passed over.
  func take(_ answer: SurveyAnswer) {
    guard gatherings[answer.number]?.missing.remove(answer.node) != nil else { return }
    gatherings[answer.number]?.answers.append(answer.content)
    guard gatherings[answer.number]?.missing.isEmpty == true else { return }
    gatherings[answer.number]?.isOver?.resume()
    gatherings[answer.number]?.isOver = nil
  }
}

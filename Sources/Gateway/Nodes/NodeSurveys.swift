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
    /// Whether it was known who is there, and all could be asked: false while the broker is away.
    package var couldAsk = true

    /// Whether nobody's answer is lacking.
    package var isWhole: Bool { couldAsk && missing == 0 }
  }

  private struct Gathering {
    var result: Result
    /// Who has not answered yet; nil before it is known who is there.
    var missing: Set<NodeID>?
    let isOver: LoopContinuation<Result>
    var timeout: LoopTimer?
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
  /// While the broker is away, or does not answer within `limit`, this node's own answer is all there is.
  func ask(
    _ topic: String, about subject: String, within limit: Duration
  ) async -> Result {
    last += 1
    let number = last
    let own = responders[topic].flatMap { $0(subject) }
    return await EventLoop.suspend { isOver in
      gatherings[number] = Gathering(result: Result(answers: own.map { [$0] } ?? []), missing: nil, isOver: isOver)
      gatherings[number]?.timeout = LoopTimer(after: limit) { [weak self] in self?.finish(number) }
      Task { @EventLoop in
        await gather(SurveyQuestion(number: number, asker: node, topic: topic, subject: subject))
      }
    }
  }

  private func gather(_ question: SurveyQuestion) async {
    do throws(BrokerError) {
      let others = Set(try await broker.nodes().map(\.id)).subtracting([node])
      // Before it is asked: all may have answered before this one hears that the question is out.
      gatherings[question.number]?.missing = others
      guard !others.isEmpty else { return finish(question.number) }
      try await broker.tell(nil, .question(question))
    } catch {
      gatherings[question.number]?.missing = nil
      finish(question.number)
    }
  }

  private func finish(_ number: Int) {
    guard var gathering = gatherings.removeValue(forKey: number) else { return }
    gathering.timeout?.stop()
    gathering.result.missing = gathering.missing?.count ?? 0
    gathering.result.couldAsk = gathering.missing != nil
    gathering.isOver.resume(returning: gathering.result)
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
    guard gatherings[answer.number]?.missing?.remove(answer.node) != nil else { return }
    gatherings[answer.number]?.result.answers.append(answer.content)
    if gatherings[answer.number]?.missing?.isEmpty == true { finish(answer.number) }
  }
}

import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  private func report(_ name: String, connections: Int = 3, delay: Duration? = nil) -> NodeReport {
    NodeReport(
      id: NodeID(name), host: "höst", process: 4711, version: "1.2",
      startedAt: Timestamp(milliseconds: 1_750_000_000_123), connections: connections,
      subscriptions: 9, isDraining: connections == 0, isDelivering: connections != 7,
      deliveryDelay: delay)
  }

  @Test("lists the nodes that were heard of lately, as they said it last", arguments: Backend.allCases)
  func nodes(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      #expect(try await broker.nodes().isEmpty)
      try await broker.beat(report("b", delay: .milliseconds(12)), for: .seconds(600))
      try await broker.beat(report("a"), for: .milliseconds(1500))
      #expect(try await broker.nodes() == [report("a"), report("b", delay: .milliseconds(12))], "by name, and whole")
      try await broker.beat(report("b", connections: 0), for: .seconds(600))
      try await broker.beat(report("c", connections: 7), for: .seconds(600))
      try await time.pass(.milliseconds(1500))
      #expect(try await broker.nodes() == [report("b", connections: 0), report("c", connections: 7)])
      try await broker.dismiss(NodeID("b"))
      #expect(try await broker.nodes().map(\.id) == [NodeID("c")])
    }
  }

  @Test("carries what nodes tell each other, to all or to one", arguments: Backend.allCases)
  func control(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let (first, second) = (NodeID("first"), NodeID("second"))
      let heardFirst = await Arrivals<ControlMessage>(), heardSecond = await Arrivals<ControlMessage>()
      let one = try await broker.controlMessages(to: first) { heardFirst.append($0) }
      let two = try await broker.controlMessages(to: second) { heardSecond.append($0) }
      let question = ControlMessage.question(
        SurveyQuestion(number: 7, asker: first, topic: "watchers", subject: "job:é x"))
      let answer = ControlMessage.answer(
        SurveyAnswer(number: 7, node: second, content: JSONText(unchecked: Array(#"{"n":[1,2]}"#.utf8))))
      try await broker.tell(nil, question)
      try await broker.tell(first, answer)
      try await broker.tell(NodeID("nobody"), question)
      #expect(try await heardFirst.values(atLeast: 2) == [question, answer])
      try await broker.tell(second, answer)
      #expect(try await heardSecond.values(atLeast: 2) == [question, answer])
      await two.cancel()
      try await broker.tell(nil, question)
      #expect(try await heardFirst.values(atLeast: 3).count == 3)
      #expect(await heardSecond.values.count == 2)
      await one.cancel()
    }
  }

  @Test("tells a worker whether anybody heard its report", arguments: Backend.allCases)
  func listeners(_ backend: Backend) async throws {
    // Unchecked: the check itself watches alice and bob.
    try await backend.withUncheckedBroker { broker, _ in
      let job = try await broker.enqueue(.example(user: "carol")).job.id
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.report(Progress(percent: 1), under: lease) == ReportAnswer(.held))
      let own = try await broker.subscribe(to: .job(job)) { _ in }
      let all = try await broker.subscribe(to: .user("carol")) { _ in }
      let other = try await broker.subscribe(to: .user("alice")) { _ in }
      #expect(try await broker.report(Progress(percent: 2), under: lease) == ReportAnswer(.held, listeners: 2))
      await own.cancel()
      // Its cancellation lies before this subscription on the same connection.
      _ = try await broker.subscribe(to: .user("dave")) { _ in }
      let answer = try await broker.report(Progress(percent: 3), under: lease)
      #expect(answer.listeners == 1 && answer.isWatched)
      for subscription in [all, other] { await subscription.cancel() }
      try await broker.end(lease)
      #expect(try await broker.report(Progress(percent: 4), under: lease) == ReportAnswer(.lost))
    }
  }
}

import EventLoop
import Jobs
import Logging
import Support
import Testing

@testable import Gateway

@Suite("Webhooks for alerts") struct AlertWatchTests {
  private static func alert(_ condition: HealthAlert.Condition, _ queue: String? = nil, _ detail: String = "d")
    -> HealthAlert
  {
    HealthAlert(condition, queue.flatMap { QueueName($0) }, detail)
  }

  @Test("are news when they begin and when they are over, and not between")
  func book() {
    var book = AlertBook()
    let backlog = Self.alert(.backlog, "a", "101 jobs wait")
    let more = Self.alert(.backlog, "a", "150 jobs wait")
    let other = Self.alert(.backlog, "b")
    #expect(book.note([]).isEmpty)
    #expect(book.note([backlog]) == [.raised(backlog)])
    #expect(book.note([more]).isEmpty)
    #expect(book.note([more, other]) == [.raised(other)])
    #expect(book.note([other]) == [.cleared(more)])
    #expect(book.note([Self.alert(.paused, "b")]) == [.cleared(other), .raised(Self.alert(.paused, "b"))])
  }

  @Test("are jobs: one for each address when a queue has too much to do, one when it is worked off")
  func told() async throws {
    try await SessionHarness.run { harness in
      var rules = HealthRules()
      rules.backlog = 1
      let watch = AlertWatch(
        status: StatusVerbs(broker: harness.broker, rules: rules), broker: harness.broker, payloads: harness.payloads,
        telling: ["https://a.example/x", "https://b.example/y"], rules: WebhookRules(), logger: Logger(label: "test"))
      @EventLoop func told() async throws -> [WebhookDelivery] {
        var deliveries: [WebhookDelivery] = []
        for job in try await harness.broker.jobs(matching: JobFilter(queue: WebhookDelivery.queue, limit: 200)).jobs {
          guard case .inline(let text)? = try await harness.broker.job(job.id)?.payload else { continue }
          deliveries.append(try #require(WebhookDelivery(payload: text)))
        }
        return deliveries.filter { $0.body.contains("\"backlog\"") }
      }
      try await watch.look()
      #expect(try await told().isEmpty)
      let first = try await harness.enqueue()
      let second = try await harness.enqueue()
      try await watch.look()
      try await watch.look()
      let raised = try await told()
      #expect(Set(raised.map(\.address)) == ["https://a.example/x", "https://b.example/y"])
      #expect(raised.count == 2)
      #expect(raised[0].id.hasPrefix("alert_raised_backlog_default_"))
      let body = try json(raised[0].body)
      #expect(body["type"]?.string == "alert.raised")
      #expect(body["data"]?["queue"]?.string == "default")
      #expect(body["data"]?["detail"]?.string == "2 jobs wait, more than 1.")
      for job in [first, second] { _ = try await harness.broker.remove(job.id) }
      try await watch.look()
      let cleared = try await told().filter { $0.body.contains("alert.cleared") }
      #expect(cleared.count == 2)
    }
  }
}

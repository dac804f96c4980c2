import Gateway
import Jobs
import Testing

@Suite("Health") struct HealthReportTests {
  private let now = Timestamp(milliseconds: 1_700_000_000_000)

  private func view(
    _ name: String = "default", mode: QueueMode = .active, queued: Int = 0, running: Int = 0,
    completed: Int = 0, failed: Int = 0, oldest: Duration? = nil, lastFinished: Duration? = nil,
    paused: Duration = .zero
  ) -> HealthReport.QueueView {
    var recent = QueueStatistics(minutes: 15)
    recent.completed = completed
    recent.failed = failed
    return .init(
      status: QueueStatus(
        name: QueueName(name)!, mode: mode, modeSince: ago(paused),
        counts: [.queued: queued, .running: running], oldestQueued: oldest.map(ago),
        createdAt: ago(.seconds(90_000)), updatedAt: now,
        lastFinishedAt: lastFinished.map(ago)), recent: recent)
  }

  private func ago(_ duration: Duration) -> Timestamp { now + (.zero - duration) }

  private func worker(_ mode: WorkerMode = .running, isLost: Bool = false) -> WorkerInfo {
    WorkerInfo(
      report: WorkerReport(
        id: WorkerID("w")!, host: "h", process: 1, version: "v", queues: [.default], kinds: [],
        slots: 2, memory: 0, startedAt: now, mode: mode), seenAt: now, isLost: isLost)
  }

  private func report(
    _ queues: [HealthReport.QueueView], workers: [WorkerInfo]? = nil, rules: HealthRules = HealthRules()
  ) -> HealthReport {
    HealthReport(queues: queues, workers: workers ?? [worker()], now: now, rules: rules)
  }

  @Test("is good where nothing is wrong")
  func healthy() throws {
    let report = report([
      view(queued: 100, completed: 90, failed: 10, oldest: .seconds(60), lastFinished: .seconds(1))
    ])
    #expect(report.status == .healthy)
    #expect(report.alerts.isEmpty)
    #expect(
      report.document.description
        == #"{"status":"healthy","queues":{"total":1,"healthy":1,"overloaded":0,"errors":0},"#
        + #""workers":{"live":1,"lost":0,"stopped":0,"slots":2},"alerts":[]}"#)
  }

  @Test("names each condition")
  func conditions() {
    let cases: [(HealthReport.QueueView, HealthAlert.Condition)] = [
      (view(queued: 101, lastFinished: .seconds(1)), .backlog),
      (view(completed: 89, failed: 11), .errorRate),
      (view(mode: .paused, paused: .seconds(3601)), .paused),
      (view(queued: 1, oldest: .seconds(1801), lastFinished: .seconds(4000)), .idle),
    ]
    for (view, condition) in cases {
      let report = report([view])
      #expect(report.alerts.map(\.condition) == [condition])
      #expect(report.status == .degraded)
    }
  }

  @Test("judges by the thresholds that are set")
  func thresholds() {
    var rules = HealthRules()
    rules.backlog = 3
    rules.errorRate = 0.5
    rules.paused = .seconds(60)
    rules.idle = .seconds(10)
    let cases: [(HealthReport.QueueView, HealthReport.QueueView, HealthAlert.Condition)] = [
      (view(queued: 3, lastFinished: .seconds(1)), view(queued: 4, lastFinished: .seconds(1)), .backlog),
      (view(completed: 5, failed: 5), view(completed: 4, failed: 5), .errorRate),
      (view(mode: .paused, paused: .seconds(60)), view(mode: .paused, paused: .seconds(61)), .paused),
      (view(queued: 1, oldest: .seconds(10)), view(queued: 1, oldest: .seconds(11)), .idle),
    ]
    for (good, bad, condition) in cases {
      #expect(report([good], rules: rules).alerts.isEmpty, "\(condition)")
      #expect(report([bad], rules: rules).alerts.map(\.condition) == [condition])
    }
    #expect(report([view(queued: 4, lastFinished: .seconds(1))]).alerts.isEmpty, "by others it is well")
  }

  @Test("does not call a queue idle that was empty, or whose job runs long")
  func notIdle() {
    #expect(
      report([view(queued: 1, oldest: .seconds(60), lastFinished: .seconds(9000))]).alerts.isEmpty)
    #expect(
      report([view(queued: 1, running: 1, oldest: .seconds(9000), lastFinished: .seconds(9000))])
        .alerts.isEmpty)
  }

  @Test("is bad where jobs wait and nobody works")
  func nobody() {
    let busy = view(queued: 1, lastFinished: .seconds(1))
    #expect(report([busy], workers: [worker(isLost: true)]).status == .unhealthy)
    let rested = report([busy], workers: [worker(.stopped)])
    #expect(rested.status == .unhealthy)
    #expect([rested.liveWorkers, rested.lostWorkers, rested.stoppedWorkers, rested.slots] == [0, 0, 1, 0])
    #expect(report([busy], workers: []).alerts.map(\.condition) == [.noWorker])
    // Somebody works, but not on this queue.
    let other = view("other", queued: 1, lastFinished: .seconds(1))
    #expect(report([other]).status == .degraded)
    #expect(report([other]).alerts.first?.queue?.description == "other")
  }

  @Test("tells that a part of the broker is away, which is not the end")
  func partAway() {
    let report = HealthReport(queues: [view()], workers: [worker()], isWhole: false, now: now, rules: HealthRules())
    #expect(report.status == .degraded)
    #expect(report.alerts.map(\.condition) == [.broker])
  }

  @Test("tells what the broker warns of")
  func warnings() {
    let report = HealthReport(
      queues: [view()], workers: [worker()], warnings: ["It forgets."], now: now, rules: HealthRules())
    #expect(report.status == .degraded)
    #expect(report.alerts == [HealthAlert(.store, nil, "It forgets.")])
  }

  @Test("tells that events are interrupted too often in a while, and that Redis ended connections for their output")
  func delivery() {
    func alerts(_ change: (inout DeliveryReport) -> Void) -> [HealthAlert] {
      var delivery = DeliveryReport()
      change(&delivery)
      let report = HealthReport(
        queues: [view()], workers: [worker()], delivery: delivery, now: now, rules: HealthRules())
      #expect(report.status == (report.alerts.isEmpty ? .healthy : .degraded))
      return report.alerts
    }
    let old = ago(.seconds(3601)), recent = ago(.seconds(3600))
    #expect(alerts { _ in }.isEmpty)
    #expect(
      alerts {
        for _ in 0..<9 { $0.interrupted(at: old) }
        for _ in 0..<2 { $0.interrupted(at: recent) }
        $0.endedForOutput(3, at: old)
      }.isEmpty)
    #expect(
      alerts { for _ in 0..<3 { $0.interrupted(at: recent) } } == [
        HealthAlert(.delivery, nil, "Events were interrupted 3 times in the last 60 min.")
      ])
    let ended = alerts { $0.endedForOutput(1, at: recent) }
    #expect(ended.map(\.condition) == [.delivery])
    #expect(ended.first?.detail.contains("client-output-buffer-limit") == true)
  }

  @Test("is bad where the broker is away")
  func away() { #expect(HealthReport(brokerAway: "gone").status == .unhealthy) }
}

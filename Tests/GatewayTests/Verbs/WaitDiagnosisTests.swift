import Gateway
import Jobs
import Testing

@Suite("Why a job waits") struct WaitDiagnosisTests {
  private static let now = Timestamp(milliseconds: 1_700_000_000_000)

  private func job(
    _ state: JobState, position: Int? = nil, parents: Int = 0, dueAt: Timestamp? = nil
  ) -> Job {
    Job(
      id: JobID(), queue: .default, kind: JobKind("ffmpeg")!, user: "alice", state: state,
      queuePosition: position, createdAt: Self.now, updatedAt: Self.now, dueAt: dueAt,
      pendingParents: parents, position: StreamPosition(offset: 1, epoch: "00000000"))
  }

  private func queue(
    _ mode: QueueMode = .active, running: Int = 0, concurrency: Int? = nil, window: Int? = nil
  ) -> QueueStatus {
    var settings = QueueSettings()
    settings.concurrency = concurrency
    settings.userWindow = window
    return QueueStatus(
      name: .default, settings: settings, mode: mode, counts: [.running: running],
      createdAt: Self.now, updatedAt: Self.now)
  }

  private func worker(
    queues: [QueueName] = [.default], kinds: [String] = ["ffmpeg"], slots: Int = 2,
    mode: WorkerMode = .running, wanted: WorkerMode = .running, busy: Int = 0,
    isLost: Bool = false
  ) -> WorkerInfo {
    WorkerInfo(
      report: WorkerReport(
        id: WorkerID("w")!, host: "h", process: 1, version: "v", queues: queues,
        kinds: kinds.map { JobKind($0)! }, slots: slots, memory: 0, startedAt: Self.now, mode: mode),
      wanted: wanted, jobs: (0..<busy).map { _ in JobID() }, seenAt: Self.now, isLost: isLost)
  }

  private func why(_ job: Job, _ queue: QueueStatus?, _ workers: [WorkerInfo]) -> [WaitReason] {
    WaitDiagnosis(of: job, in: queue, workers: workers).reasons
  }

  @Test(
    "is nothing but the state where it does not wait", arguments: [JobState.running, .completed, .failed, .cancelled])
  func notWaiting(state: JobState) {
    #expect(why(job(state), queue(.paused), []) == [.notWaiting(state)])
  }

  @Test("is its time")
  func time() {
    let later = Self.now + .seconds(60)
    #expect(why(job(.scheduled, dueAt: later), queue(), [worker()]) == [.scheduled(until: later)])
    #expect(why(job(.retrying, dueAt: later), queue(), [worker()]) == [.retrying(until: later)])
  }

  @Test("is what it depends on, or its user's window")
  func blocked() {
    #expect(why(job(.blocked, parents: 2), queue(window: 4), [worker()]) == [.parents(2)])
    #expect(why(job(.blocked), queue(window: 4), [worker()]) == [.userWindow(4)])
  }

  @Test("is its queue, told before the workers")
  func mode() {
    #expect(why(job(.queued, position: 1), queue(.paused), []) == [.queuePaused, .noWorker])
    #expect(why(job(.queued, position: 1), queue(.draining), []) == [.queueDraining, .noWorker])
    // A backlog that is drained is worked off.
    #expect(why(job(.queued, position: 1), queue(.drainingBacklog), []) == [.noWorker])
  }

  @Test("is the lack of a worker that would take it")
  func workers() {
    let waiting = job(.queued, position: 1)
    let useless = [
      worker(isLost: true), worker(mode: .quiet), worker(wanted: .stopping),
      worker(queues: [QueueName("other")!]),
    ]
    #expect(why(waiting, queue(), useless) == [.noWorker])
    #expect(
      why(waiting, queue(), [worker(kinds: ["transcribe"])])
        == [.noWorkerForKind(JobKind("ffmpeg")!)])
    #expect(
      why(job(.scheduled, dueAt: Self.now), queue(), [worker(kinds: ["transcribe"])])
        == [.scheduled(until: Self.now), .noWorkerForKind(JobKind("ffmpeg")!)], "while one leaves it to others")
    #expect(why(waiting, nil, []) == [.noWorker], "a queue that nobody set")
  }

  @Test("is a limit, and those before it")
  func turn() {
    #expect(
      why(job(.queued, position: 3), queue(running: 2, concurrency: 2), [worker(busy: 2), worker()])
        == [.concurrency(limit: 2), .behind(position: 3, slots: 4, idle: 2)])
    #expect(
      why(job(.queued, position: 3), queue(running: 1, concurrency: 2), [worker(busy: 1)])
        == [.behind(position: 3, slots: 2, idle: 1)])
  }

  @Test("is told in words for programs and for people")
  func document() throws {
    let diagnosis = WaitDiagnosis(of: job(.queued, position: 3), in: queue(.paused), workers: [worker()])
    let reasons = try json(diagnosis.document.description)["reasons"]?.array
    #expect(reasons?.map { $0["code"]?.string } == ["queue_paused", "behind"])
    #expect(reasons?[0]["message"]?.string == "The queue default is paused.")
    #expect(reasons?[1]["position"]?.int == 3)
    #expect(reasons?[1]["slots"]?.int == 2)
    #expect(reasons?[1]["idle"]?.int == 2)
  }

  @Test("does not say that slots are taken which are not")
  func idle() throws {
    for (mode, busy, message) in [
      (QueueMode.paused, 0, "It is next; 2 of the 2 slots for the queue default are idle."),
      (.active, 1, "It is next; 1 of the 2 slots for the queue default are idle."),
      (.active, 2, "It is next; the 2 slots for the queue default are taken."),
    ] {
      let diagnosis = WaitDiagnosis(of: job(.queued, position: 1), in: queue(mode), workers: [worker(busy: busy)])
      #expect(try json(diagnosis.document.description)["reasons"]?.array?.last?["message"]?.string == message)
    }
  }
}

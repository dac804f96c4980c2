import EventLoop
import Jobs
import Logging
import Synchronization

/// Carries a run's progress and log lines to the broker.
///
/// Workers hand over from any thread without waiting; what gathered crosses to the loop in one hop.
/// There, ``ProgressReporter`` and ``LogBuffer`` decide, and one call to the broker is under way at a
/// time. What the broker says about the lease is passed on.
final class JobReporter: Sendable {
  private struct Inbox {
    var progress: Progress?
    var lines: [String] = []
    var droppedLines = 0
    var isHopping = false
  }

  private let lease: Lease
  private let broker: any Broker
  private let logger: Logger
  private let inbox = Mutex(Inbox())
  private let hasListeners = Atomic(true)

  @EventLoop private var progress: ProgressReporter
  @EventLoop private var log = LogBuffer()
  @EventLoop private var timer: LoopTimer?
  @EventLoop private var isPumping = false
  @EventLoop private var isClosed = false
  @EventLoop private var lastLog = Duration.zero
  @EventLoop private var isFinishing = false
  @EventLoop private let idle = Bell()
  @EventLoop private var learn: @EventLoop (LeaseStanding) -> Void

  @EventLoop
  init(
    lease: Lease, broker: any Broker, logger: Logger, interval: Duration,
    learn: @escaping @EventLoop (LeaseStanding) -> Void
  ) {
    self.lease = lease
    self.broker = broker
    self.logger = logger
    self.learn = learn
    progress = ProgressReporter(interval: interval)
  }

  /// How many lines may wait to cross to the loop.
  private static let inboxLimit = 400

  /// Whether the last report was heard by anybody; true before the first was answered.
  var isWatched: Bool { hasListeners.load(ordering: .relaxed) }

  func report(_ progress: Progress) {
    hand { $0.progress = progress }
  }

  func log(_ line: String) {
    let line = LogBuffer.clean(line)
    hand { inbox in
      if inbox.lines.count == Self.inboxLimit {
        inbox.lines.removeFirst()
        inbox.droppedLines += 1
      }
      inbox.lines.append(line)
    }
  }

  private func hand(_ change: (inout Inbox) -> Void) {
    let mustHop = inbox.withLock { inbox in
      change(&inbox)
      defer { inbox.isHopping = true }
      return !inbox.isHopping
    }
    if mustHop { Task { @EventLoop in takeInbox() } }
  }

  @EventLoop private func takeInbox() {
    let (newest, lines, dropped) = inbox.withLock { inbox in
      defer { inbox = Inbox() }
      return (inbox.progress, inbox.lines, inbox.droppedLines)
    }
    guard !isClosed else { return }
    if dropped > 0 { log.append("… \(dropped) lines left out") }
    for line in lines { log.append(line) }
    if let newest {
      act(progress.report(newest, at: Uptime.now))
    }
    pumpLog()
  }

  /// Sends what waits; returns when the broker has it, or could not be reached.
  @EventLoop func finish() async {
    takeInbox()
    isFinishing = true
    act(progress.finish(at: Uptime.now))
    pumpLog()
    while !isClosed, !progress.isIdle || !log.isEmpty || isPumping { await idle.wait() }
    close()
  }

  /// Sends nothing more.
  @EventLoop func close() {
    isClosed = true
    timer = nil
    idle.ring()
  }

  @EventLoop private func act(_ action: ProgressReporter.Action) {
    guard !isClosed else { return }
    switch action {
    case .none: idle.ring()
    case .wait(let time): wake(after: time)
    case .send(let report):
      Task { @EventLoop in
        let accepted = await send("progress") { () async throws(BrokerError) -> LeaseStanding in
          let answer = try await broker.report(report, under: lease)
          hasListeners.store(answer.isWatched, ordering: .relaxed)
          return answer.standing
        }
        act(progress.ended(accepted: accepted, at: Uptime.now))
      }
    }
  }

  @EventLoop private func pumpLog() {
    guard !isPumping, !isClosed, !log.isEmpty else { return }
    let passed = Uptime.now - lastLog
    guard isFinishing || passed >= .milliseconds(250) else {
      wake(after: .milliseconds(250) - passed)
      return
    }
    isPumping = true
    let lines = log.takeBatch()
    Task { @EventLoop in
      let accepted = await send("log lines") { () async throws(BrokerError) -> LeaseStanding in
        try await broker.log(lines, under: lease)
      }
      isPumping = false
      lastLog = Uptime.now
      // Lines are a comfort: those that meet a broker that is away are lost.
      if !accepted, isFinishing { log = LogBuffer() }
      pumpLog()
      idle.ring()
    }
  }

  @EventLoop private func wake(after time: Duration) {
    // An earlier timer is at most one interval away and looks at both again.
    guard timer == nil else { return }
    timer = LoopTimer(after: time) { [weak self] in
      guard let self else { return }
      timer = nil
      act(progress.timeCame(at: Uptime.now))
      pumpLog()
    }
  }

  /// Whether the broker took it. A report under a lost lease counts as taken: nobody wants it.
  @EventLoop private func send(
    _ what: String, _ call: @EventLoop () async throws(BrokerError) -> LeaseStanding
  ) async -> Bool {
    do throws(BrokerError) {
      let standing = try await call()
      if standing != .held { learn(standing) }
      return true
    } catch .unavailable {
      return false
    } catch {
      logger.warning("the broker refused \(what)", metadata: ["error": "\(error)"])
      return true
    }
  }
}

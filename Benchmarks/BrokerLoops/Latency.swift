import EventLoop
import Jobs

/// When jobs were submitted, and how many have ended.
@EventLoop
private final class Submissions {
  var times: [JobID: ContinuousClock.Instant] = [:]
  var ends = 0
}

extension Bench {
  /// 100 jobs a second on a fixed schedule, a worker that waits: from the submission to the lease, and to the
  /// event of the end at a watcher.
  func latency(jobs: Int) async throws {
    let started = Measurement()
    let done = Measurement()
    let meter = try await meter()
    let submissions = Submissions()
    let finished = AsyncStream<Void>.makeStream()
    let watch = try await broker.subscribe(to: .user("latency")) { delivery in
      guard case .event(let event) = delivery, event.state == .completed,
        let start = submissions.times[event.id]
      else { return }
      done.add(clock.now - start)
      submissions.ends += 1
      if submissions.ends == jobs { finished.continuation.finish() }
    }
    let working = Task { @EventLoop in
      let request = LeaseRequest(queues: [queue], limit: 1, duration: .seconds(60), worker: worker)
      var held: [LeasedJob] = []
      var count = 0
      while count < jobs {
        if held.isEmpty { await broker.waitForWork(in: [queue], upTo: .seconds(1)) }
        let settlements = held.map { LeaseSettlement($0.lease, .complete(nil)) }
        let exchange = try await broker.exchange(settlements, for: request)
        count += exchange.outcomes.count
        held = exchange.jobs
        for job in held { if let start = submissions.times[job.lease.job] { started.add(clock.now - start) } }
      }
    }
    let begin = clock.now
    for number in 0..<jobs {
      try await Task.sleep(until: begin + .milliseconds(10 * number), clock: clock)
      let request = JobRequest(queue: queue, kind: kind, user: "latency", payload: payload)
      submissions.times[request.id] = clock.now
      _ = try await broker.enqueue(request)
    }
    for await _ in finished.stream {}
    try await working.value
    watch.cancel()
    try await started.report("submit-to-start", self, since: meter, jobs: jobs)
    try await done.report("submit-to-done", self, since: meter, jobs: jobs)
  }
}

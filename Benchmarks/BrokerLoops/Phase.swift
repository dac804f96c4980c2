import EventLoop
import Jobs

/// A part of a job's life, measured by itself on a broker that holds nothing.
enum Phase: Sendable {
  case enqueue(inFlight: Int)
  /// Of jobs that wait: takes them and ends them.
  case run(batch: Int)
  case endToEnd(batch: Int, slots: Int, inFlight: Int)
  case pool(slots: Int)
  case report(inFlight: Int)
  case latency

  static let named: [String: Phase] = [
    "enqueue-1": .enqueue(inFlight: 1),
    "enqueue-256": .enqueue(inFlight: 256),
    "run-1": .run(batch: 1),
    "run-10": .run(batch: 10),
    "run-100": .run(batch: 100),
    "end-to-end-1": .endToEnd(batch: 1, slots: 1, inFlight: 16),
    "end-to-end-100": .endToEnd(batch: 100, slots: 1, inFlight: 256),
    "pool-1": .pool(slots: 1),
    "pool-10": .pool(slots: 10),
    "pool-100": .pool(slots: 100),
    "report-1": .report(inFlight: 1),
    "report-64": .report(inFlight: 64),
    "latency": .latency,
  ]

  @EventLoop
  func measure(_ name: String, on bench: Bench, jobs: Int) async throws {
    switch self {
    case .enqueue(let width): try await bench.enqueue(name, jobs: jobs, width: width)
    case .run(let batch):
      try await bench.fill(jobs)
      try await bench.drain(name, jobs: jobs, batch: batch)
    case .endToEnd(let batch, let slots, let width):
      try await bench.endToEnd(name, jobs: jobs, batch: batch, slots: slots, inFlight: width)
    case .pool(let slots): try await bench.pool(name, jobs: jobs, slots: slots)
    case .report(let width): try await bench.report(name, times: jobs, width: width)
    case .latency: try await bench.latency(jobs: jobs)
    }
  }
}

/// How many of what was begun have ended.
@EventLoop
final class Ends {
  var count = 0
}

extension Bench {
  func enqueue(_ name: String, jobs: Int, width: Int) async throws {
    let measurement = Measurement()
    let start = try await meter()
    try await run(jobs, width: width) { try await measurement.time { try await self.enqueue() } }
    try await measurement.report(name, self, since: start)
  }

  func drain(_ name: String, jobs: Int, batch: Int) async throws {
    let measurement = Measurement()
    let start = try await meter()
    try await drain(jobs, batch: batch, measurement)
    try await measurement.report(name, self, since: start, jobs: jobs)
  }

  /// Submitting and working at once, as fast as both go: so many submissions in flight, one worker whose slots
  /// take a batch a call.
  func endToEnd(_ name: String, jobs: Int, batch: Int, slots: Int, inFlight: Int) async throws {
    let measurement = Measurement()
    let start = try await meter()
    let submitter = Task { @EventLoop in try await run(jobs, width: inFlight) { try await self.enqueue() } }
    let request = LeaseRequest(queues: [queue], limit: batch, duration: .seconds(60), worker: worker)
    let done = Ends()
    let workers = (0..<slots).map { _ in
      Task { @EventLoop in
        var held: [LeasedJob] = []
        while done.count < jobs {
          // Not longer: the last job may be another slot's.
          if held.isEmpty { await broker.waitForWork(in: [queue], upTo: .milliseconds(20)) }
          let settlements = held.map { LeaseSettlement($0.lease, .complete(nil)) }
          let exchange = try await measurement.time { try await broker.exchange(settlements, for: request) }
          done.count += exchange.outcomes.count
          held = exchange.jobs
        }
      }
    }
    for worker in workers { try await worker.value }
    try await submitter.value
    try await measurement.report(name, self, since: start, jobs: jobs)
  }

  /// One job reports, and one watcher sees it; over when all of it has been seen.
  func report(_ name: String, times: Int, width: Int) async throws {
    let request = JobRequest(queue: queue, kind: kind, user: "bench")
    _ = try await broker.enqueue(request)
    let leased = try await broker.lease(from: [queue], limit: 1, for: .seconds(300), by: worker)
    guard let lease = leased.first?.lease else { throw Failure(description: "the queue is empty") }
    let seen = Ends()
    let allSeen = AsyncStream<Void>.makeStream()
    let watch = try await broker.subscribe(to: .job(request.id)) { delivery in
      guard case .event = delivery else { return }
      seen.count += 1
      if seen.count == times { allSeen.continuation.finish() }
    }
    let measurement = Measurement()
    let start = try await meter()
    try await run(times, width: width) {
      try await measurement.time {
        _ = try await self.broker.report(Progress(percent: 50, message: "half of it"), under: lease)
      }
    }
    for await _ in allSeen.stream {}
    try await measurement.report(name, self, since: start)
    watch.cancel()
    _ = try await broker.settle(lease, .complete(nil))
  }

  /// What a step costs beside many waiting jobs.
  func scale() async throws {
    var waiting = 0
    for size in [1000, 100_000, 1_000_000] {
      // Many users, as a real queue has.
      let filling = Measurement()
      let start = try await meter()
      try await run(size - waiting, width: 256) {
        try await filling.time { try await self.enqueue(user: "user\(Int.random(in: 0..<1000))") }
      }
      try await filling.report("fill-\(size)", self, since: start)
      waiting = size
      try await enqueue("enqueue-at-\(size)", jobs: 2000, width: 1)
      try await drain("run-at-\(size)", jobs: 2000, batch: 1)
    }
  }
}

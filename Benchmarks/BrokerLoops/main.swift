// How many steps of a job's life a broker carries out in a second, how long one takes, and what it costs.
//
//   BrokerLoops embedded <folder> [jobs]
//   BrokerLoops redis://127.0.0.1:6379/0 [jobs]     everything in that database is for this to use
//   BrokerLoops … scale                             enqueue and lease beside 10^3, 10^5, 10^6 waiting jobs
import EventLoop
import Foundation
import Jobs
import Logging
import Redis

/// Everything that a broker is measured by.
@EventLoop
func measureAll(_ bench: Bench, jobs: Int) async throws {
  // Unmeasured: scripts are loaded, files have their first pages.
  for _ in 0..<50 { try await bench.enqueue() }
  try await bench.drain("warm-up", jobs: 50, batch: 1)
  for width in [1, 64, 256] {
    let count = width == 1 ? jobs / 4 : jobs
    let before = try await bench.meter()
    try await bench.measure("enqueue-\(width)", times: count, width: width) {
      try await bench.enqueue()
    }
    let after = try await bench.meter()
    if before.memory > 0, count >= 20_000 {
      print("label=\(bench.label) phase=waiting-\(width) bytes=\((after.memory - before.memory) / count)")
    }
    let batch = [1: 1, 64: 10, 256: 100][width] ?? 1
    try await bench.drain("run-\(batch)", jobs: count, batch: batch)
  }
  try await endToEnd(bench, jobs: jobs / 2)
  try await report(bench, times: jobs)
  try await latency(bench, jobs: 500)
}

/// How many jobs a worker has ended.
@EventLoop
final class Ends {
  var count = 0
}

/// Submitting and working at once, as fast as both go: 16 submissions in flight, one worker that takes one job a
/// call in one slot, then in ten, then a hundred a call.
@EventLoop
func endToEnd(_ bench: Bench, jobs: Int) async throws {
  for (batch, slots) in [(1, 1), (1, 10), (100, 1)] {
    let measurement = Measurement()
    let start = try await bench.meter()
    let submitters = (0..<16).map { lane in
      Task { @EventLoop in
        for _ in 0..<(jobs / 16 + (lane < jobs % 16 ? 1 : 0)) { try await bench.enqueue() }
      }
    }
    let request = LeaseRequest(queues: [queue], limit: batch, duration: .seconds(60), worker: worker)
    let done = Ends()
    let workers = (0..<slots).map { _ in
      Task { @EventLoop in
        var held: [LeasedJob] = []
        while done.count < jobs {
          // Not longer: the last job may be another slot's.
          if held.isEmpty { await bench.broker.waitForWork(in: [queue], upTo: .milliseconds(20)) }
          let settlements = held.map { LeaseSettlement($0.lease, .complete(nil)) }
          let exchange = try await measurement.time {
            try await bench.broker.exchange(settlements, for: request)
          }
          done.count += exchange.outcomes.count
          held = exchange.jobs
        }
      }
    }
    for worker in workers { try await worker.value }
    for submitter in submitters { try await submitter.value }
    let name = slots == 1 ? "end-to-end-\(batch)" : "end-to-end-\(batch)-slots-\(slots)"
    try await measurement.report(name, bench, since: start, jobs: jobs)
  }
}

/// One job reports, and one watcher sees it.
@EventLoop
func report(_ bench: Bench, times: Int) async throws {
  let request = JobRequest(queue: queue, kind: kind, user: "bench")
  _ = try await bench.broker.enqueue(request)
  let leased = try await bench.broker.lease(from: [queue], limit: 1, for: .seconds(300), by: worker)
  guard let lease = leased.first?.lease else { throw Failure(description: "the queue is empty") }
  for width in [1, 64] {
    let seen = Submissions()
    let watch = try await bench.broker.subscribe(to: .job(request.id)) { _ in seen.ends += 1 }
    try await bench.measure("report-\(width)", times: width == 1 ? times / 4 : times, width: width) {
      _ = try await bench.broker.report(Progress(percent: 50, message: "half of it"), under: lease)
    }
    print("label=\(bench.label) phase=seen-\(width) count=\(seen.ends)")
    watch.cancel()
  }
  _ = try await bench.broker.settle(lease, .complete(nil))
}

/// When jobs were submitted, and how many have ended.
@EventLoop
final class Submissions {
  var times: [JobID: ContinuousClock.Instant] = [:]
  var ends = 0
}

/// 100 jobs a second on a fixed schedule, a worker that waits: from the submission to the lease, and to the
/// event of the end at a watcher.
@EventLoop
func latency(_ bench: Bench, jobs: Int) async throws {
  let started = Measurement()
  let done = Measurement()
  let meter = try await bench.meter()
  let submissions = Submissions()
  let finished = AsyncStream<Void>.makeStream()
  let watch = try await bench.broker.subscribe(to: .user("latency")) { delivery in
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
      if held.isEmpty { await bench.broker.waitForWork(in: [queue], upTo: .seconds(1)) }
      let settlements = held.map { LeaseSettlement($0.lease, .complete(nil)) }
      let exchange = try await bench.broker.exchange(settlements, for: request)
      count += exchange.outcomes.count
      held = exchange.jobs
      for job in held { if let start = submissions.times[job.lease.job] { started.add(clock.now - start) } }
    }
  }
  let begin = clock.now
  for number in 0..<jobs {
    try await Task.sleep(until: begin + .milliseconds(10 * number), clock: clock)
    let request = JobRequest(queue: queue, kind: kind, user: "latency", payload: bench.payload)
    submissions.times[request.id] = clock.now
    _ = try await bench.broker.enqueue(request)
  }
  for await _ in finished.stream {}
  try await working.value
  watch.cancel()
  try await started.report("submit-to-start", bench, since: meter, jobs: jobs)
  try await done.report("submit-to-done", bench, since: meter, jobs: jobs)
}

/// What a step costs beside many waiting jobs.
@EventLoop
func scale(_ bench: Bench) async throws {
  var waiting = 0
  for size in [1000, 100_000, 1_000_000] {
    let before = try await bench.meter()
    let missing = size - waiting
    try await bench.measure("fill-\(size)", times: missing, width: 256) {
      // Many users, as a real queue has.
      try await bench.enqueue(user: "user\(Int.random(in: 0..<1000))")
    }
    waiting = size
    let after = try await bench.meter()
    if after.memory > 0 {
      print("label=\(bench.label) phase=memory-\(size) bytes=\((after.memory - before.memory) / missing)")
    }
    try await bench.measure("enqueue-at-\(size)", times: 2000, width: 1) { try await bench.enqueue() }
    try await bench.drain("run-at-\(size)", jobs: 2000, batch: 1)
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
let logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
let bench: Bench
let rest: ArraySlice<String>
switch arguments.first {
case "embedded" where arguments.count >= 2:
  let broker = try await EmbeddedBroker.open(at: arguments[1], logger: logger)
  bench = await Bench(broker, label: "embedded", redis: nil)
  rest = arguments.dropFirst(2)
case let address? where RedisEndpoint(address) != nil:
  let endpoint = RedisEndpoint(address)!
  let broker = await EventLoop.run {
    RedisBroker(endpoint: endpoint, prefix: "fanfare:", logger: logger)
  }
  try await broker.start()
  let redis = await EventLoop.run { RedisClient(endpoint: endpoint, logger: logger) }
  try await redis.start()
  bench = await Bench(broker, label: "redis", redis: redis)
  rest = arguments.dropFirst()
default:
  throw Failure(description: "wanted: embedded <folder> [jobs|scale], or the address of a Redis")
}
if rest.first == "scale" {
  try await scale(bench)
} else {
  try await measureAll(bench, jobs: rest.first.flatMap { Int($0) } ?? 20_000)
}
await bench.broker.close()

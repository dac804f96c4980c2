// How many steps of a job's life a broker carries out in a second, and how long one takes.
//
//   BrokerLoops embedded <folder> [jobs]
//   BrokerLoops redis://127.0.0.1:6379/0 [jobs]     everything in that database is for this to use
import EventLoop
import Foundation
import Jobs
import Logging
import Redis

struct Failure: Error, CustomStringConvertible {
  let description: String
}

let queue = QueueName("bench")!
let kind = JobKind("noop")!
let worker = WorkerID("bench-1")!
let clock = ContinuousClock()

/// Times of one kind of step.
@EventLoop
final class Measurement {
  private var times: [Duration] = []

  func time<Result>(_ step: @EventLoop () async throws -> Result) async throws -> Result {
    let start = clock.now
    let result = try await step()
    times.append(clock.now - start)
    return result
  }

  func report(_ name: String, broker: String, over total: Duration) {
    times.sort()
    func milliseconds(_ part: Double) -> String {
      String(
        format: "%.3f",
        times[min(times.count - 1, Int(Double(times.count) * part))] / .milliseconds(1))
    }
    let rate = String(format: "%.0f", Double(times.count) / (total / .seconds(1)))
    print(
      "label=\(broker) phase=\(name) count=\(times.count) per_s=\(rate) p50=\(milliseconds(0.5))",
      "p90=\(milliseconds(0.9)) p99=\(milliseconds(0.99)) max=\(milliseconds(1))")
  }
}

/// Runs `step` so many times, `width` of them in flight.
@EventLoop
func measure(
  _ name: String, _ broker: String, times: Int, width: Int,
  _ step: @escaping @EventLoop @Sendable () async throws -> Void
) async throws {
  let measurement = Measurement()
  let start = clock.now
  let lanes = (0..<width).map { lane in
    Task { @EventLoop in
      let count = times / width + (lane < times % width ? 1 : 0)
      for _ in 0..<count { try await measurement.time(step) }
    }
  }
  for lane in lanes { try await lane.value }
  measurement.report(name, broker: broker, over: clock.now - start)
}

@EventLoop
func enqueue(on broker: any Broker) async throws {
  _ = try await broker.enqueue(JobRequest(queue: queue, kind: kind, user: "bench"))
}

/// One job from the queue to its end.
@EventLoop
func run(on broker: any Broker) async throws {
  guard
    let leased = try await broker.lease(from: [queue], limit: 1, for: .seconds(30), by: worker)
      .first
  else { throw Failure(description: "the queue is empty") }
  guard try await broker.settle(leased.lease, .complete(nil)) == .settled(.completed) else {
    throw Failure(description: "the lease was lost")
  }
}

@EventLoop
func measureAll(_ broker: any Broker, _ name: String, jobs: Int) async throws {
  // Unmeasured: scripts are loaded, files have their first pages.
  for _ in 0..<50 { try await enqueue(on: broker) }
  for _ in 0..<50 { try await run(on: broker) }
  for width in [1, 64] {
    let count = width == 1 ? jobs / 4 : jobs
    try await measure("enqueue-\(width)", name, times: count, width: width) {
      try await enqueue(on: broker)
    }
    try await measure("lease+settle-\(width)", name, times: count, width: width) {
      try await run(on: broker)
    }
  }
  // One job reports.
  try await enqueue(on: broker)
  let leased = try await broker.lease(from: [queue], limit: 1, for: .seconds(300), by: worker)
  guard let lease = leased.first?.lease else { throw Failure(description: "the queue is empty") }
  for width in [1, 64] {
    try await measure("report-\(width)", name, times: width == 1 ? jobs / 4 : jobs, width: width) {
      _ = try await broker.report(Progress(percent: 50, message: "half of it"), under: lease)
    }
  }
  _ = try await broker.settle(lease, .complete(nil))
  await broker.close()
}

let arguments = Array(CommandLine.arguments.dropFirst())
let logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
switch arguments.first {
case "embedded" where arguments.count >= 2:
  let broker = try await EmbeddedBroker.open(at: arguments[1], logger: logger)
  try await measureAll(
    broker, "embedded", jobs: arguments.count > 2 ? Int(arguments[2]) ?? 4000 : 4000)
case let address? where RedisEndpoint(address) != nil:
  let broker = await EventLoop.run {
    RedisBroker(endpoint: RedisEndpoint(address)!, prefix: "bench:", logger: logger)
  }
  try await broker.start()
  try await measureAll(
    broker, "redis", jobs: arguments.count > 1 ? Int(arguments[1]) ?? 4000 : 4000)
default:
  throw Failure(description: "wanted: embedded <folder> [jobs], or the address of a Redis [jobs]")
}

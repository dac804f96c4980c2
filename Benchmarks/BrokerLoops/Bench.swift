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

/// A broker under measurement, with what measures it.
@EventLoop
final class Bench {
  let broker: any Broker
  let label: String
  private let redis: RedisClient?
  /// 200 bytes, as the peers carry.
  let payload: JSONText

  init(_ broker: any Broker, label: String, redis: RedisClient?) {
    self.broker = broker
    self.label = label
    self.redis = redis
    payload = JSONText(unchecked: Array("\"\(String(repeating: "x", count: 198))\"".utf8))
  }

  func meter() async throws -> Meter {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    var meter = Meter(own: seconds(usage.ru_utime) + seconds(usage.ru_stime))
    guard let redis else { return meter }
    let text = try await redis.send(RedisCommand("INFO", "everything")).text ?? ""
    func value(_ name: String) -> Double {
      guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("\(name):") })
      else { return 0 }
      return Double(line.dropFirst(name.count + 1)) ?? 0
    }
    meter.redis = value("used_cpu_user") + value("used_cpu_sys")
    meter.memory = Int(value("used_memory"))
    let functions = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_fcall:") }
    meter.calls = functions.flatMap { Int($0.split(separator: "=")[1].prefix { $0 != "," }) } ?? 0
    return meter
  }

  func enqueue(user: String = "bench") async throws {
    _ = try await broker.enqueue(
      JobRequest(queue: queue, kind: kind, user: user, payload: payload))
  }

  /// Runs `step` so many times, `width` of them in flight.
  func run(
    _ times: Int, width: Int, _ step: @escaping @EventLoop @Sendable () async throws -> Void
  ) async throws {
    let lanes = (0..<width).map { lane in
      Task { @EventLoop in
        let count = times / width + (lane < times % width ? 1 : 0)
        for _ in 0..<count { try await step() }
      }
    }
    for lane in lanes { try await lane.value }
  }

  /// Enqueues, unmeasured, what is then to be drained.
  func fill(_ jobs: Int) async throws {
    try await run(jobs, width: 256) { try await self.enqueue() }
  }

  /// Takes and ends jobs until none is left, `batch` at a time: each call ends what the last one brought.
  func drain(_ jobs: Int, batch: Int, _ measurement: Measurement = Measurement()) async throws {
    let request = LeaseRequest(queues: [queue], limit: batch, duration: .seconds(60), worker: worker)
    let result = JSONText(unchecked: Array(#"{"ok":true}"#.utf8))
    var done = 0
    var held: [LeasedJob] = []
    while done < jobs {
      let settlements = held.map { LeaseSettlement($0.lease, .complete(result)) }
      let exchange = try await measurement.time { try await broker.exchange(settlements, for: request) }
      guard exchange.outcomes.allSatisfy({ $0 == .settled(.completed) }) else {
        throw Failure(description: "a lease was lost")
      }
      done += exchange.outcomes.count
      held = exchange.jobs
      if held.isEmpty, done < jobs { throw Failure(description: "the queue is empty after \(done)") }
    }
  }

  /// Unmeasured, before all else: scripts are loaded, files have their first pages.
  func warmUp() async throws {
    try await fill(50)
    try await drain(50, batch: 1)
  }
}

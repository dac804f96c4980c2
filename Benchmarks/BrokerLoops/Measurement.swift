import EventLoop
import Foundation

let clock = ContinuousClock()

/// Times of one kind of step, and what they cost.
@EventLoop
final class Measurement {
  private var times: [Duration] = []

  func time<Result>(_ step: @EventLoop () async throws -> Result) async throws -> Result {
    let start = clock.now
    let result = try await step()
    times.append(clock.now - start)
    return result
  }

  func add(_ time: Duration) { times.append(time) }

  /// One line: how many jobs a second, the distribution of the steps' times; of a job, processor time here
  /// and in Redis, calls of functions, growth of Redis's memory. There are as many jobs as steps, or `jobs`.
  func report(_ name: String, _ bench: Bench, since start: Meter, jobs: Int? = nil) async throws {
    let meter = try await bench.meter()
    times.sort()
    func milliseconds(_ part: Double) -> String {
      guard !times.isEmpty else { return "0" }
      return String(
        format: "%.3f",
        times[min(times.count - 1, Int(Double(times.count) * part))] / .milliseconds(1))
    }
    let count = jobs ?? times.count
    let seconds = (meter.at - start.at) / .seconds(1)
    func micros(_ duration: Double) -> String { String(format: "%.1f", duration / Double(count) * 1e6) }
    print(
      "label=\(bench.label) phase=\(name) count=\(count)",
      "per_s=\(String(format: "%.0f", Double(count) / seconds)) p50=\(milliseconds(0.5))",
      "p90=\(milliseconds(0.9)) p99=\(milliseconds(0.99)) max=\(milliseconds(1))",
      "own_us=\(micros(meter.own - start.own)) redis_us=\(micros(meter.redis - start.redis))",
      "calls=\(String(format: "%.2f", Double(meter.calls - start.calls) / Double(count)))",
      "bytes=\((meter.memory - start.memory) / count)")
    fflush(nil)
  }
}

/// What was spent up to a moment.
struct Meter: Sendable {
  var at = clock.now
  /// Seconds of processor time: of this process, and of Redis.
  var own: Double
  var redis = 0.0
  /// Functions that Redis ran, and bytes it uses.
  var calls = 0
  var memory = 0
}

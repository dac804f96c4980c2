import EventLoop
import Foundation
import Jobs

extension Bench {
  /// Runs so many jobs of as many users, `rate` reports a second over all of them, until the process is ended.
  ///
  /// They wait in a queue that older callers poll. Each one's id is printed, a line each, and `running` behind them.
  func changing(jobs: Int, rate: Double) async throws {
    let queue = QueueName("video_generation")!
    for number in 0..<jobs {
      _ = try await broker.enqueue(
        JobRequest(queue: queue, kind: JobKind("slideshow")!, user: "caller-\(number)", payload: payload))
    }
    var leases: [Lease] = []
    while leases.count < jobs {
      let leased = try await broker.lease(
        from: [queue], limit: min(100, jobs - leases.count), for: .seconds(3600), by: worker)
      guard !leased.isEmpty else { throw Failure(description: "the queue is empty") }
      for job in leased { print(job.lease.job, job.user) }
      leases += leased.map(\.lease)
    }
    print("running")
    // What reads us waits for it.
    fflush(nil)
    let begin = clock.now
    for number in 0... {
      try await Task.sleep(until: begin + .seconds(Double(number) / rate), clock: clock)
      let image = number / jobs % 100
      let progress = Progress(
        percent: Double(image), stage: "processing", message: "Processing image \(image)/100 (\(image)%)")
      _ = try await broker.report(progress, under: leases[number % jobs])
    }
  }
}

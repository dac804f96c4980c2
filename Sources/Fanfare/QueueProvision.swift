import EventLoop
import Jobs
import Logging

/// What a kind needs of its queue: it is set before the kind's jobs are taken, unless an operator has.
struct QueueProvision: Hashable, Sendable {
  let queue: QueueName
  /// How many of its jobs may run at once, over all workers; nil for as many as there are slots.
  var concurrency: Int?
  /// How often a job is tried that does not say.
  var maxAttempts: Int

  /// The time between two tries while the broker cannot be reached.
  static let pause = Duration.seconds(1)

  /// Sets the queue where it lacks something. What an operator has set stays: of a queue that was set before, only a
  /// limit that nobody gave is added.
  @EventLoop func make(in broker: any Broker) async throws(BrokerError) {
    while true {
      let status = try await broker.queue(queue)
      guard let settings = wanted(of: status) else { return }
      do {
        _ = try await broker.set(queue, to: settings, ifVersion: status?.version ?? 0)
        return
      } catch .changedMeanwhile {
        // By another worker, likely to the same: the next look tells.
        continue
      }
    }
  }

  /// The settings that the queue is to have; nil where it has them.
  private func wanted(of status: QueueStatus?) -> QueueSettings? {
    var settings = status?.settings ?? QueueSettings()
    let isUnset = (status?.version ?? 0) == 0
    if isUnset { settings.defaults.maxAttempts = maxAttempts }
    if settings.concurrency == nil { settings.concurrency = concurrency }
    return isUnset || settings != status?.settings ? settings : nil
  }

  /// As ``make(in:)``, until the broker has taken it or the task is cancelled. A refusal is logged and is the end.
  @EventLoop func makeWhenReachable(in broker: any Broker, _ logger: Logger) async {
    while !Task.isCancelled {
      do throws(BrokerError) {
        return try await make(in: broker)
      } catch .unavailable {
        await EventLoop.pause(for: Self.pause)
      } catch {
        logger.error("a kind's queue cannot be set", metadata: ["queue": "\(queue)", "error": "\(error)"])
        return
      }
    }
  }
}

extension WorkersConfiguration {
  /// The queues of kinds that need them set.
  var provisions: [QueueProvision] {
    var provisions: [QueueProvision] = []
    if demucs.enabled, let queue = QueueName(demucs.queue) {
      provisions.append(QueueProvision(queue: queue, concurrency: demucs.maxConcurrent, maxAttempts: 1))
    }
    if slideshow.enabled, let queue = QueueName(slideshow.queue) {
      provisions.append(QueueProvision(queue: queue, concurrency: nil, maxAttempts: 1))
    }
    return provisions
  }
}

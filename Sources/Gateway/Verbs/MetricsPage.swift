import Jobs

/// A page of figures in the text form that Prometheus reads (exposition format 0.0.4).
struct MetricsPage {
  enum Kind: String { case gauge, counter }

  private(set) var text = ""

  /// One metric with all its samples; none where there are no samples. `help` is a sentence.
  mutating func add(
    _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
  ) {
    guard !samples.isEmpty else { return }
    text += "# HELP fanfare_\(name) \(help)\n# TYPE fanfare_\(name) \(kind.rawValue)\n"
    for (labels, value) in samples {
      let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
      text += "fanfare_\(name)\(list.isEmpty ? "" : "{\(list)}") \(Self.number(value))\n"
    }
  }

  /// A metric with one sample; none for nil.
  mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
    add(name, kind, help, value.map { [(labels: [], value: $0)] } ?? [])
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }

  /// Whole where it is.
  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
  }
}

extension MetricsPage {
  /// What there is to tell of queues: what is in them, what they did.
  mutating func add(_ queues: [QueueStatus], now: Timestamp) {
    func perQueue(_ value: (QueueStatus) -> Double) -> [(labels: [(String, String)], value: Double)] {
      queues.map { ([("queue", $0.name.description)], value($0)) }
    }
    add(
      "jobs", .gauge, "Jobs on record, by queue and state.",
      queues.flatMap { queue in
        JobState.allCases.map { state in
          ([("queue", queue.name.description), ("state", state.rawValue)], Double(queue.counts[state] ?? 0))
        }
      })
    add(
      "queue_backlog", .gauge, "Jobs that wait in any way: the signal to scale workers by.",
      perQueue { Double($0.waiting) })
    add("queue_paused", .gauge, "Whether a queue gives no jobs to workers.", perQueue { $0.mode.serves ? 0 : 1 })
    add(
      "queue_concurrency", .gauge, "How many of a queue's jobs may run at once.",
      queues.compactMap { queue in
        queue.settings.concurrency.map { ([("queue", queue.name.description)], Double($0)) }
      })
    add(
      "queue_oldest_seconds", .gauge, "How long the next job of a queue waits already.",
      queues.compactMap { queue in
        queue.oldestQueued.map { ([("queue", queue.name.description)], Double((now - $0).milliseconds) / 1000) }
      })
    add("jobs_accepted_total", .counter, "Jobs accepted.", perQueue { Double($0.totals.accepted) })
    add("jobs_completed_total", .counter, "Jobs completed.", perQueue { Double($0.totals.completed) })
    add("jobs_failed_total", .counter, "Jobs failed for good.", perQueue { Double($0.totals.failed) })
    add("jobs_cancelled_total", .counter, "Jobs cancelled.", perQueue { Double($0.totals.cancelled) })
    add(
      "jobs_retried_total", .counter, "Attempts that failed and were followed by another.",
      perQueue { Double($0.totals.retried) })
    add(
      "jobs_lost_total", .counter, "Jobs taken back from workers that were lost.", perQueue { Double($0.totals.lost) })
  }

  /// What a queue did in the last minutes, as percentiles.
  mutating func add(recent: [(name: QueueName, statistics: QueueStatistics)]) {
    func percentiles(
      _ histogram: (QueueStatistics) -> DurationHistogram
    ) -> [(labels: [(String, String)], value: Double)] {
      recent.flatMap { queue in
        [0.5, 0.9, 0.99].compactMap { part in
          histogram(queue.statistics).percentile(part).map {
            ([("queue", queue.name.description), ("quantile", "\(part)")], Double($0.milliseconds) / 1000)
          }
        }
      }
    }
    add(
      "job_wait_seconds", .gauge, "From acceptance to the first start, over the last 15 minutes.", percentiles(\.wait))
    add("job_run_seconds", .gauge, "Of one attempt, over the last 15 minutes.", percentiles(\.run))
    add(
      "job_success_ratio", .gauge, "Completed among completed and failed, over the last 15 minutes.",
      recent.compactMap { queue in
        queue.statistics.successRate.map { ([("queue", queue.name.description)], $0) }
      })
  }

  mutating func add(_ workers: [WorkerInfo]) {
    let live = workers.filter(\.isLive)
    add(
      "workers", .gauge, "Worker processes, by what becomes of them.",
      [
        ([("state", "live")], Double(live.count)), ([("state", "lost")], Double(workers.count(where: \.isLost))),
      ])
    add("worker_slots", .gauge, "Jobs that live workers can run at once.", Double(live.slots))
    add("worker_slots_busy", .gauge, "Slots with a job.", Double(live.reduce(0) { $0 + $1.jobs.count }))
    add(
      "worker_memory_bytes", .gauge, "Resident bytes of a worker process and its children.",
      live.map { ([("worker", $0.report.id.description)], Double($0.report.memory)) })
  }

  mutating func add(_ nodes: [NodeReport], now: Timestamp) {
    func perNode(_ value: (NodeReport) -> Double?) -> [(labels: [(String, String)], value: Double)] {
      nodes.compactMap { node in value(node).map { ([("node", node.id.description)], $0) } }
    }
    add(
      "node_uptime_seconds", .gauge, "How long a gateway is there.",
      perNode { Double((now - $0.startedAt).milliseconds) / 1000 })
    add("node_connections", .gauge, "Sockets of a gateway.", perNode { Double($0.connections) })
    add(
      "node_subscriptions", .gauge, "Channels that a gateway's sockets watch, each as often as it is watched.",
      perNode { Double($0.subscriptions) })
    add("node_delivering", .gauge, "Whether events reach a gateway.", perNode { $0.isDelivering ? 1 : 0 })
    add("node_draining", .gauge, "Whether a gateway is on its way out.", perNode { $0.isDraining ? 1 : 0 })
    add(
      "node_delivery_seconds", .gauge, "How long what a gateway last published took to come back.",
      perNode { $0.deliveryDelay.map { $0 / .seconds(1) } })
  }

  mutating func add(_ health: HealthReport) {
    add("broker_up", .gauge, "Whether the broker answers.", health.isBrokerAway ? 0 : 1)
    add(
      "alert", .gauge, "Something that somebody should look at; absent while there is nothing.",
      health.alerts.map { alert in
        ([("condition", alert.condition.rawValue), ("queue", alert.queue?.description ?? "")], 1)
      })
  }
}

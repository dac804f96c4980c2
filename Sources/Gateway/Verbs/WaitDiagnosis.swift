package import Jobs

/// Why a job does not run at this moment, found from its record, its queue and the workers.
package struct WaitDiagnosis: Hashable, Sendable {
  package var job: Job
  /// All that holds, the most telling first; never empty.
  package var reasons: [WaitReason]

  package init(of job: Job, in queue: QueueStatus?, workers: [WorkerInfo]) {
    self.job = job
    reasons = Self.reasons(job, queue, workers)
  }

  private static func reasons(
    _ job: Job, _ queue: QueueStatus?, _ workers: [WorkerInfo]
  ) -> [WaitReason] {
    var reasons: [WaitReason] = []
    switch job.state {
    case .running, .completed, .failed, .cancelled: return [.notWaiting(job.state)]
    case .scheduled: reasons.append(.scheduled(until: job.dueAt ?? job.createdAt))
    case .retrying: reasons.append(.retrying(until: job.dueAt ?? job.updatedAt))
    case .blocked where job.pendingParents > 0: reasons.append(.parents(job.pendingParents))
    case .blocked: reasons.append(.userWindow(queue?.settings.userWindow ?? 0))
    case .queued: break
    }
    switch queue?.mode {
    case .paused: reasons.append(.queuePaused)
    case .draining: reasons.append(.queueDraining)
    case .active, .drainingBacklog, nil: break
    }
    let serving = workers.filter { $0.serves(job.queue) }
    let knowing = serving.filter { $0.report.kinds.contains(job.kind) }
    if serving.isEmpty {
      reasons.append(.noWorker)
    } else if knowing.isEmpty {
      reasons.append(.noWorkerForKind(job.kind))
    }
    guard job.state == .queued else { return reasons }
    if let queue, let limit = queue.settings.concurrency, queue.running >= limit {
      reasons.append(.concurrency(limit: limit))
    }
    if let position = job.queuePosition, !knowing.isEmpty {
      reasons.append(.behind(position: position, slots: serving.slots, idle: serving.idleSlots))
    }
    return reasons
  }

  /// `{"id","state","reasons":[{"code","message",…}]}`.
  package var document: JSONText {
    var writer = JSONWriter()
    writer.object { document in
      document.member("id", job.id.description)
      document.member("state", job.state.rawValue)
      document.array("reasons") { list in
        for reason in reasons { list.object { reason.write(into: &$0, queue: job.queue) } }
      }
    }
    return writer.text
  }
}

extension WorkerInfo {
  /// Whether it takes jobs of the queue.
  package func serves(_ queue: QueueName) -> Bool {
    !isLost && wanted == .running && report.mode == .running && report.queues.contains(queue)
  }
}

extension [WorkerInfo] {
  /// How many jobs they can run at a time.
  package var slots: Int { reduce(0) { $0 + $1.report.slots } }

  /// How many of their slots hold no job.
  package var idleSlots: Int { reduce(0) { $0 + Swift.max(0, $1.report.slots - $1.jobs.count) } }
}

extension WaitReason {
  fileprivate func write(into writer: inout JSONWriter, queue: QueueName) {
    writer.member("code", code)
    writer.member("message", message(queue))
    switch self {
    case .scheduled(let time), .retrying(let time): writer.member("until", time.milliseconds)
    case .parents(let count): writer.member("parents", count)
    case .userWindow(let limit), .concurrency(let limit): writer.member("limit", limit)
    case .behind(let position, let slots, let idle):
      writer.member("position", position)
      writer.member("slots", slots)
      writer.member("idle", idle)
    case .notWaiting, .queuePaused, .queueDraining, .noWorker, .noWorkerForKind: break
    }
  }

  /// The word for programs.
  package var code: String {
    switch self {
    case .notWaiting: "not_waiting"
    case .scheduled: "scheduled"
    case .retrying: "retrying"
    case .parents: "parents"
    case .userWindow: "user_window"
    case .queuePaused: "queue_paused"
    case .queueDraining: "queue_draining"
    case .concurrency: "concurrency"
    case .noWorker: "no_worker"
    case .noWorkerForKind: "no_worker_for_kind"
    case .behind: "behind"
    }
  }

  /// The sentence for people.
  private func message(_ queue: QueueName) -> String {
    switch self {
    case .notWaiting(.running): "It runs."
    case .notWaiting(let state): "It has ended: \(state.rawValue)."
    case .scheduled: "Its time has not come."
    case .retrying: "It failed, and waits for its next attempt."
    case .parents(1): "A job that it depends on has not ended."
    case .parents(let count): "\(count) jobs that it depends on have not ended."
    case .userWindow(let limit): "Its user has \(limit) jobs in the queue \(queue), as many as one may."
    case .queuePaused: "The queue \(queue) is paused."
    case .queueDraining: "The queue \(queue) is drained: what runs is let run, nothing new is begun."
    case .concurrency(let limit): "\(limit) jobs of the queue \(queue) run, as many as may."
    case .noWorker: "No worker serves the queue \(queue)."
    case .noWorkerForKind(let kind):
      "The workers of the queue \(queue) do not know the kind \(kind)."
    case .behind(1, let slots, 0): "It is next; the \(slots) slots for the queue \(queue) are taken."
    case .behind(1, let slots, let idle):
      "It is next; \(idle) of the \(slots) slots for the queue \(queue) are idle."
    case .behind(let position, let slots, _):
      "\(position - 1) jobs are before it, for \(slots) slots of the queue \(queue)."
    }
  }
}

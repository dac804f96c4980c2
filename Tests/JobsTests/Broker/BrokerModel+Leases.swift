import Jobs

// Leases, and what time does.
extension BrokerModel {
  /// The first of a queue; of those that are equal in all the first in `answer`.
  private func next(in name: QueueName, like answer: [JobID]) -> Entry? {
    guard let first = queued(in: name).first else { return nil }
    let equal = queued(in: name).filter { $0.score == first.score }
    return answer.lazy.compactMap { id in equal.first { $0.id == id } }.first ?? first
  }

  /// The jobs that are taken, each with its attempt and the number of its lease.
  ///
  /// `answer`: those that were. Which of two users goes first whose turn it is, nobody promised.
  mutating func lease(
    from queues: [QueueName], limit: Int, by worker: WorkerID, like answer: [JobID]
  ) -> [(id: JobID, attempt: Int, lease: Int)] {
    var taken: [(id: JobID, attempt: Int, lease: Int)] = []
    for name in queues {
      guard let line = line(of: name), line.mode.serves else { continue }
      let room = line.settings.concurrency.map { max(0, $0 - count(.running, in: name)) } ?? .max
      let most = taken.count + min(room, limit - taken.count)
      while taken.count < most, let entry = next(in: name, like: answer) {
        if entry.isLate {
          end(entry.id, .failed, entry.lateness)
          continue
        }
        lastLease += 1
        owners[lastLease] = entry.id
        let number = lastLease
        change(entry.id) {
          $0.lease = number
          $0.worker = worker
          $0.state = .running
          $0.attempt += 1
          $0.permille = nil
          $0.isFirstStart = !entry.hasStarted
          $0.hasStarted = true
        }
        update(name) {
          if !entry.hasStarted { $0.minutes.waits += 1 }
          if $0.settings.isFair { $0.time = max($0.time, entry.base - QueueScore.half) }
        }
        tell(entry.id)
        taken.append((entry.id, entry.attempt + 1, number))
      }
    }
    settleDown()
    return taken
  }

  /// How long an attempt that failed is waited for.
  func retry(of entry: Entry, or policy: RetryPolicy) -> RetryPolicy {
    entry.request.retry ?? settings(of: entry.queue).defaults.retry ?? policy
  }

  func maxAttempts(of entry: Entry) -> Int {
    entry.request.maxAttempts ?? settings(of: entry.queue).defaults.maxAttempts
  }

  func holder(_ lease: Int) -> Entry? {
    guard let id = owners[lease], let entry = self[id], entry.lease == lease, entry.state == .running
    else { return nil }
    return entry
  }

  func standing(of lease: Int) -> LeaseStanding {
    holder(lease).map { $0.isCancelling ? .cancelRequested : .held } ?? .lost
  }

  func worker(of lease: Int) -> WorkerID? { holder(lease)?.worker }

  mutating func extend(_ lease: Int) {
    guard let entry = holder(lease), entry.isStalled else { return }
    change(entry.id) { $0.isStalled = false }
    tell(entry.id, "recovered")
  }

  mutating func report(permille: Int, under lease: Int) -> LeaseStanding {
    if let entry = holder(lease) { change(entry.id) { $0.permille = max(permille, $0.permille ?? 0) } }
    return standing(of: lease)
  }

  /// `isDue`: the retry of a failure may begin at once; ``maintain()`` then queues it.
  mutating func settle(_ lease: Int, _ settlement: Settlement, isDue: Bool) -> SettlementOutcome {
    defer { settleDown() }
    guard let entry = holder(lease) else {
      guard let id = owners[lease], let entry = self[id], entry.lease == lease, entry.endedByLease
      else { return .leaseLost }
      return .settled(entry.state)
    }
    change(entry.id) { $0.endedByLease = true }
    if case .snooze = settlement, !entry.isCancelling {
      // Neither a run nor, if it was the first, a start.
      update(entry.queue) { $0.minutes.waits -= entry.isFirstStart ? 1 : 0 }
    } else {
      update(entry.queue) { $0.minutes.runs += 1 }
    }
    switch settlement {
    case .complete:
      change(entry.id) { $0.permille = 1000 }
      end(entry.id, .completed, nil)
      return .settled(.completed)
    case .cancel(let failure):
      end(entry.id, .cancelled, entry.isCancelling ? "cancelled" : failure.code)
      return .settled(.cancelled)
    case .fail where entry.isCancelling, .release where entry.isCancelling, .snooze where entry.isCancelling:
      end(entry.id, .cancelled, "cancelled")
      return .settled(.cancelled)
    case .release:
      comeBack(entry.id, "released")
      return .settled(.queued)
    case .snooze:
      change(entry.id) {
        $0.state = .scheduled
        $0.attempt -= 1
        if entry.isFirstStart { $0.hasStarted = false }
        $0.delay = isDue ? .soon : .far
        $0.isStalled = false
        $0.endedByLease = false
      }
      tell(entry.id, "snoozed")
      fill(entry.user, in: entry.queue)
      return .settled(.scheduled)
    case .fail(let failure, let retry):
      guard retry != .never, entry.attempt < maxAttempts(of: entry) else {
        end(entry.id, .failed, failure.code)
        return .settled(.failed)
      }
      change(entry.id) {
        $0.state = .retrying
        $0.failure = failure.code
        $0.delay = isDue ? .soon : .far
        $0.isStalled = false
        $0.endedByLease = false
      }
      tell(entry.id)
      update(entry.queue) {
        $0.totals.retried += 1
        $0.minutes.retried += 1
      }
      fill(entry.user, in: entry.queue)
      return .settled(.retrying)
    }
  }

  /// Back to its old place, the attempt uncounted.
  private mutating func comeBack(_ id: JobID, _ reason: String) {
    change(id) {
      $0.state = .queued
      $0.attempt -= 1
      $0.isStalled = false
      $0.endedByLease = false
    }
    tell(id, reason)
  }

  // MARK: Time

  /// Queues what is due.
  mutating func promoteDue() {
    for entry in entries where entry.delay == .soon {
      change(entry.id) { $0.delay = .none }
      if entry.state != .blocked { admit(entry.id) }
    }
    settleDown()
  }

  /// Limits pass that count from the acceptance, or from when a job runs again.
  mutating func passTime() {
    for index in entries.indices where !entries[index].hasStarted && !entries[index].state.isTerminal {
      let entry = entries[index]
      entries[index].isLate = entry.isLimited && !entry.wasFar
    }
  }

  /// Fails the jobs that passed a limit.
  mutating func expire() -> Set<JobID> {
    let late = entries.filter {
      $0.isLate && [.scheduled, .blocked, .queued, .retrying].contains($0.state)
    }
    for entry in late where self[entry.id]?.state == entry.state {
      end(entry.id, .failed, entry.lateness)
    }
    settleDown()
    return Set(late.map(\.id))
  }

  /// The lease is shown as about to run out; the job, if that is news.
  mutating func stall(_ lease: Int) -> JobID? {
    guard let entry = holder(lease), !entry.isStalled else { return nil }
    change(entry.id) { $0.isStalled = true }
    tell(entry.id, "stalled")
    return entry.id
  }

  /// The leases `overdue` have run out, longest ago first.
  mutating func reap(overdue: [Int]) -> MaintenanceReport {
    var report = MaintenanceReport()
    for (lease, entry) in overdue.compactMap({ lease in holder(lease).map { (lease, $0) } }) {
      if let shown = stall(lease) { report.stalled.append(shown) }
      change(entry.id) { $0.lost += 1 }
      update(entry.queue) {
        $0.totals.lost += 1
        $0.minutes.runs += 1
      }
      if entry.isCancelling {
        end(entry.id, .cancelled, "cancelled")
        report.cancelled.append(entry.id)
      } else if entry.lost + 1 >= maxLost {
        end(entry.id, .failed, "lost")
        report.failed.append(entry.id)
      } else {
        comeBack(entry.id, "lost")
        report.requeued.append(entry.id)
      }
    }
    settleDown()
    return report
  }
}

import Jobs

// Leases given, kept, settled and lost.
extension ModelRun {
  func exchange() async throws {
    var chosen: [HeldLease] = []
    if flip(2) { chosen = [pickLease(), pickLease()].compactMap { $0 } }
    // Whether what is kept for no time is gone before the end of the step, nobody promised.
    if chosen.count == 2, chosen[0].lease.job == chosen[1].lease.job { chosen.removeLast() }
    let queues = Self.queues.shuffled(using: &random)
    let limit = Int.random(in: 1...3, using: &random)
    let worker = pick(Self.workers, or: .a)
    let settlements = chosen.map { _ in flip(2) ? Settlement.complete(nil) : .release }
    done = "exchange \(zip(chosen.map(\.lease.job), settlements).map { "\($0)" }) for \(limit) of \(queues)"
    let exchange = try await broker.exchange(
      zip(chosen, settlements).map { LeaseSettlement($0.lease, $1) },
      for: LeaseRequest(queues: queues, limit: limit, duration: Self.hour, worker: worker))
    let ids = exchange.jobs.map(\.lease.job)
    let outcomes = zip(chosen, settlements).map { model.settle($0.number, $1, isDue: false) }
    let expected = model.lease(from: queues, limit: limit, by: worker, like: ids)
    try demand(exchange.outcomes == outcomes, "answered \(exchange.outcomes), not \(outcomes)")
    try demand(ids == expected.map(\.id), "gave \(ids), not \(expected.map(\.id))")
    try demand(exchange.jobs.map(\.attempt) == expected.map(\.attempt), "gave other attempts")
    for (leased, expected) in zip(exchange.jobs, expected) {
      let token = leased.lease.token
      try demand(token > tokens[leased.lease.job] ?? 0, "a token did not grow")
      tokens[leased.lease.job] = token
      leases.append(HeldLease(lease: leased.lease, number: expected.lease))
    }
  }

  /// Rather a lease in force than an old one.
  private func pickLease() -> HeldLease? {
    let held = leases.filter { model.standing(of: $0.number) != .lost }
    return flip(5) || held.isEmpty ? leases.randomElement(using: &random) : held.randomElement(using: &random)
  }

  func extend() async throws {
    let chosen = [pickLease(), pickLease()].compactMap { $0 }
    done = "extend \(chosen.map(\.lease.job))"
    let expected = chosen.map { model.standing(of: $0.number) }
    for lease in chosen { model.extend(lease.number) }
    let standings: [LeaseStanding]
    if flip(2) {
      let worker = pick(Self.workers, or: .a)
      let wanted = model.beat(worker)
      let answer = try await broker.beat(
        report(of: worker), renewing: chosen.map(\.lease), for: Self.hour)
      try demand(answer.wanted == wanted, "wants \(answer.wanted), not \(wanted)")
      standings = answer.standings
    } else {
      standings = try await broker.extend(chosen.map(\.lease), for: Self.hour)
    }
    try demand(standings == expected, "answered \(standings), not \(expected)")
  }

  private func report(of worker: WorkerID) -> WorkerReport {
    WorkerReport(
      id: worker, host: "here", process: 1, version: "1", queues: Self.queues, kinds: [.example],
      slots: 4, memory: 1 << 20, startedAt: time.now())
  }

  func report() async throws {
    guard let lease = pickLease() else { return }
    let permille = Int.random(in: 0...999, using: &random)
    done = "report \(permille) of \(lease.lease.job)"
    let expected = model.report(permille: permille, under: lease.number)
    // A hair above the tenth, so that no rounding of the division takes it below.
    let progress = Progress(percent: Double(permille) / 10 + 0.01)
    let standing = try await broker.report(progress, under: lease.lease).standing
    try demand(standing == expected, "answered \(standing)")
  }

  func settle() async throws {
    guard let lease = pickLease() else { return }
    var isDue = flip(2)
    let policy = retryPolicy()
    let settlement: Settlement =
      switch Int.random(in: 0..<12, using: &random) {
      case 0..<4: .complete(nil)
      case 10: .snooze(for: isDue ? .zero : Self.hour)
      case 11: .fail(.example, retry: .byPolicy(policy))
      case 4..<7: .fail(.example, retry: .after(isDue ? .zero : Self.hour))
      case 7: .fail(.example, retry: .never)
      case 8: .release
      default: .cancel(JobFailure(code: "stopped", message: "It was stopped."))
      }
    if case .fail(_, .byPolicy) = settlement, let entry = model[lease.lease.job] {
      isDue = model.retry(of: entry, or: policy).base == Self.moment
    }
    done = "settle \(lease.lease.job) with \(settlement)"
    let expected = model.settle(lease.number, settlement, isDue: isDue)
    let outcome = try await broker.settle(lease.lease, settlement)
    try demand(outcome == expected, "answered \(outcome), not \(expected)")
    if [.settled(.retrying), .settled(.scheduled)].contains(outcome), isDue { try await letTimePass() }
  }

  // MARK: Losses

  /// A worker does not renew in time, and nobody has lost it yet.
  func stall() async throws {
    guard let lease = pickLease() else { return }
    done = "stall \(lease.lease.job)"
    model.extend(lease.number)
    _ = try await broker.extend([lease.lease], for: Self.hour / 10)
    let expected = model.stall(lease.number).map { [$0] } ?? []
    let report = try await maintain(warning: Self.hour / 5)
    try demand(report.stalled == expected, "showed \(report.stalled), not \(expected)")
    // Far from its end again, without being renewed as far as anybody sees.
  }

  /// Workers go silent and their leases run out, one after the other.
  func abandon() async throws {
    var overdue: [Int] = []
    for lease in (0..<Int.random(in: 1...3, using: &random)).compactMap({ _ in pickLease() })
    where !overdue.contains(lease.number) {
      model.extend(lease.number)
      let standings = try await broker.extend([lease.lease], for: Self.moment)
      if standings != [.lost] { overdue.append(lease.number) }
      try await time.pass(Self.moment * 2)
    }
    let limit = Int.random(in: 1...3, using: &random)
    done = "abandon \(overdue), reap \(limit)"
    while true {
      let now = Array(overdue.prefix(limit))
      let expected = model.reap(overdue: now)
      let report = try await maintain(limit: limit)
      try demand(
        report.stalled == expected.stalled && report.requeued == expected.requeued
          && report.failed == expected.failed && report.cancelled == expected.cancelled,
        "answered \(report), not \(expected)")
      overdue.removeFirst(now.count)
      if overdue.isEmpty { return }
    }
  }
}

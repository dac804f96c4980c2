import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("admits exactly the limit of simultaneous requests", arguments: Backend.allCases)
  func budgetRace(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let window = Duration.seconds(600)
      let standings = try await withThrowingTaskGroup(of: BudgetStanding.self) { group in
        for _ in 0..<50 {
          group.addTask {
            try await broker.spendRequest(of: "alice", limit: 10, window: window)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let admitted = standings.filter(\.isAdmitted)
      #expect(admitted.count == 10)
      #expect(Set(admitted.map(\.remaining)) == Set(0..<10))
      for standing in standings {
        #expect(standing.retryAfter > .zero && standing.retryAfter <= window)
        if !standing.isAdmitted { #expect(standing.remaining == 0) }
      }
      let bob = try await broker.spendRequest(of: "bob", limit: 10, window: window)
      #expect(bob.isAdmitted && bob.remaining == 9, "each user has a budget of its own")
    }
  }

  @Test("admits at most the limit in any span of the window", arguments: Backend.allCases)
  func exactWindow(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let window = Duration.milliseconds(300)
      let limit = 4
      var admitted: [(before: Timestamp, after: Timestamp)] = []
      var refusals = 0
      while admitted.count < 3 * limit, refusals < 1000 {
        let before = time.now()
        let standing = try await broker.spendRequest(of: "alice", limit: limit, window: window)
        if standing.isAdmitted {
          admitted.append((before, time.now()))
          // An uneven pace, which a window that is only counted from its start lets slip.
          if admitted.count.isMultiple(of: 3) { try await time.pass(.milliseconds(100)) }
        } else {
          refusals += 1
          #expect(standing.remaining == 0)
          #expect(standing.retryAfter > .zero && standing.retryAfter <= window)
          // Asked again too early, to catch one that is admitted too early.
          try await time.pass(min(standing.retryAfter, .milliseconds(17)))
        }
      }
      #expect(admitted.count == 3 * limit)
      for (first, next) in zip(admitted, admitted.dropFirst(limit)) {
        // Both moments are known within a millisecond and the length of the call.
        #expect(next.after - first.before >= window - .milliseconds(1))
      }
    }
  }

  @Test("admits again when it said it would, refusals costing nothing", arguments: Backend.allCases)
  func refusalsAreFree(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let window = Duration.milliseconds(300)
      #expect(try await broker.spendRequest(of: "alice", limit: 1, window: window).isAdmitted)
      for _ in 0..<20 {
        let standing = try await broker.spendRequest(of: "alice", limit: 1, window: window)
        // On a busy machine Redis's window may have passed already.
        if standing.isAdmitted { return }
        try await time.pass(standing.retryAfter / 20)
      }
      let last = try await broker.spendRequest(of: "alice", limit: 1, window: window)
      if last.isAdmitted { return }
      try await time.pass(last.retryAfter)
      #expect(try await broker.spendRequest(of: "alice", limit: 1, window: window).isAdmitted)
    }
  }

  @Test("counts what is left, and refuses all at a limit of none", arguments: Backend.allCases)
  func remaining(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for left in [2, 1, 0] {
        let standing = try await broker.spendRequest(of: "a", limit: 3, window: .seconds(600))
        #expect(standing.isAdmitted && standing.remaining == left)
      }
      #expect(try await !broker.spendRequest(of: "a", limit: 3, window: .seconds(600)).isAdmitted)
      #expect(
        try await !broker.spendRequest(of: "a", limit: 2, window: .seconds(600)).isAdmitted,
        "a lowered limit counts what was spent under the old one")
      #expect(try await broker.spendRequest(of: "a", limit: 4, window: .seconds(600)).isAdmitted)
      #expect(try await !broker.spendRequest(of: "b", limit: 0, window: .seconds(600)).isAdmitted)
    }
  }

  @Test("counts several at once while half of the limit is free, and never more than it", arguments: Backend.allCases)
  func severalAtOnce(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let window = Duration.seconds(600)
      func spend() async throws -> (count: Int, standing: BudgetStanding) {
        try await broker.spendRequests(of: "a", upTo: 4, within: .seconds(10), limit: 32, window: window)
      }
      var admitted = 0
      while admitted < 32 {
        let (count, standing) = try await spend()
        #expect(standing.isAdmitted && (1...4).contains(count))
        if admitted + count > 16 { #expect(count == 1) }
        admitted += count
        #expect(standing.remaining == 32 - admitted)
      }
      let (none, refusal) = try await spend()
      #expect(none == 0 && !refusal.isAdmitted && refusal.remaining == 0)
      // Those counted ahead return when they might have been made last.
      #expect(refusal.retryAfter > .zero && refusal.retryAfter <= window + .seconds(10))
    }
  }
}

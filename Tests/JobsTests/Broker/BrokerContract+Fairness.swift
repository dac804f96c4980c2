import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("lets users take turns in a fair queue, however many jobs each has", arguments: Backend.allCases)
  func turns(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      var own: [String: [JobID]] = [:]
      for user in ["alice", "alice", "alice", "alice", "bob", "bob", "carol"] {
        own[user, default: []].append(try await broker.accept(.example(user: user)).id)
      }
      let taken = try await broker.lease(from: [.mail], limit: 7, for: .seconds(30), by: .a)
      #expect(Set(taken[..<3].map(\.user)) == ["alice", "bob", "carol"])
      #expect(Set(taken[3..<5].map(\.user)) == ["alice", "bob"])
      #expect(taken[5...].allSatisfy { $0.user == "alice" })
      for (user, ids) in own {
        #expect(taken.filter { $0.user == user }.map(\.lease.job) == ids, "in the order they came")
      }
    }
  }

  @Test("gives a newcomer to a fair queue the next turn, and no more", arguments: Backend.allCases)
  func newcomer(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      for _ in 0..<10 { try await broker.accept(.example(user: "alice")) }
      for _ in 0..<4 { try await broker.work() }
      for _ in 0..<3 { try await broker.accept(.example(user: "bob")) }
      let taken = try await broker.lease(from: [.mail], limit: 9, for: .seconds(30), by: .a)
      #expect(taken[0].user == "bob")
      #expect(Set(taken[1...2].map(\.user)) == ["alice", "bob"], "idle time earns nothing")
      #expect(Set(taken[3...4].map(\.user)) == ["alice", "bob"])
      #expect(taken[5...].allSatisfy { $0.user == "alice" })
    }
  }

  @Test("holds nothing against a user whose waiting jobs are gone", arguments: Backend.allCases)
  func forgiven(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      for _ in 0..<5 {
        let job = try await broker.accept(.example(user: "alice"))
        _ = try await broker.cancel(job.id, reason: nil)
      }
      for _ in 0..<3 { try await broker.accept(.example(user: "bob")) }
      try await broker.accept(.example(user: "alice"))
      let taken = try await broker.lease(from: [.mail], limit: 2, for: .seconds(30), by: .a)
      #expect(Set(taken.map(\.user)) == ["alice", "bob"])
    }
  }

  @Test("starves nobody for one who always has a job waiting", arguments: Backend.allCases)
  func steadyUser(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      for _ in 0..<6 { try await broker.accept(.example(user: "bob")) }
      try await broker.accept(.example(user: "alice"))
      var served: [String: Int] = [:]
      for _ in 0..<8 {
        let leased = try #require(try await broker.next())
        served[leased.user, default: 0] += 1
        if leased.user == "alice" { try await broker.accept(.example(user: "alice")) }
        _ = try await broker.maintain()
        try await broker.end(leased.lease)
      }
      #expect(served == ["alice": 4, "bob": 4])
    }
  }

  @Test("counts a job that runs again as a turn of its user", arguments: Backend.allCases)
  func turnsAgain(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      let job = try await broker.accept(.example(user: "alice"))
      for _ in 0..<4 { try await broker.accept(.example(user: "bob")) }
      for _ in 0..<3 {
        _ = try await broker.cancel(job.id, reason: nil)
        _ = try await broker.retry(job.id)
        _ = try await broker.cancel(job.id, reason: nil)
      }
      _ = try await broker.retry(job.id)
      for _ in 0..<2 { try await broker.accept(.example(user: "alice")) }
      let taken = try await broker.lease(from: [.mail], limit: 7, for: .seconds(30), by: .a)
      for turn in 0..<3 { #expect(Set(taken[2 * turn..<2 * turn + 2].map(\.user)) == ["alice", "bob"]) }
      #expect(taken[6].user == "bob")
    }
  }

  @Test("begins turns behind what waited before, and forgets them when nobody waits", arguments: Backend.allCases)
  func turnsBegin(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let early = [try await broker.accept().id, try await broker.accept().id]
      try await broker.change { $0.isFair = true }
      let bobs = try await broker.accept(.example(user: "bob")).id
      #expect(try await broker.takeAll() == early + [bobs])

      for _ in 0..<3 { try await broker.accept(.example(user: "alice")) }
      #expect(try await broker.takeAll().count == 3)
      _ = try await broker.maintain()
      try await broker.accept(.example(user: "alice"))
      try await broker.accept(.example(user: "carol"))
      try await broker.accept(.example(user: "carol"))
      let taken = try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a)
      #expect(Set(taken[..<2].map(\.user)) == ["alice", "carol"], "nobody is behind")
    }
  }

  @Test("is fair within a priority, never across", arguments: Backend.allCases)
  func fairWithinPriority(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change { $0.isFair = true }
      let low = try await broker.accept(.example(user: "bob", priority: .low))
      var urgent: [JobID] = []
      for _ in 0..<3 { urgent.append(try await broker.accept(.example(priority: .high)).id) }
      #expect(try await broker.takeAll() == urgent + [low.id])
    }
  }

  @Test("takes a user's jobs in a fair queue as they came, whatever order is set", arguments: Backend.allCases)
  func fairIsFIFO(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      try await broker.change {
        $0.isFair = true
        $0.order = .lifo
      }
      var ids: [JobID] = []
      for _ in 0..<3 { ids.append(try await broker.accept().id) }
      #expect(try await broker.takeAll() == ids)
    }
  }
}

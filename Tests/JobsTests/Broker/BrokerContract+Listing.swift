import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("lists newest first, by user and by state, without payloads", arguments: Backend.allCases)
  func listing(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      var alices: [JobID] = []
      var all: [JobID] = []
      for number in 0..<6 {
        let user = number.isMultiple(of: 2) ? "alice" : "bob"
        let job = try await broker.accept(.example(user: user))
        all.insert(job.id, at: 0)
        if user == "alice" { alices.insert(job.id, at: 0) }
        try await time.pass(.milliseconds(2))
      }
      #expect(try await broker.jobs(matching: JobFilter()).jobs.map(\.id) == all)
      let page = try await broker.jobs(matching: JobFilter(user: "alice"))
      #expect(page.jobs.map(\.id) == alices)
      #expect(page.jobs.allSatisfy { $0.payload == nil })
      #expect(page.next == nil)
      #expect(try await broker.jobs(matching: JobFilter(user: "carol")) == JobPage(jobs: []))

      let leased = try await broker.lease(from: [.mail], limit: 3, for: .seconds(30), by: .a)
      try await broker.end(leased[0].lease)
      func ids(_ states: Set<JobState>) async throws -> [JobID] {
        try await broker.allJobs(matching: JobFilter(states: states)).map(\.id)
      }
      #expect(try await ids([.completed]) == [leased[0].lease.job])
      #expect(try await ids([.running]) == [leased[2].lease.job, leased[1].lease.job])
      #expect(try await ids([.queued, .completed]).count == 4)
      #expect(try await ids([.failed]).isEmpty)
    }
  }

  @Test("pages stay stable while jobs come and change", arguments: Backend.allCases)
  func stablePages(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var original: Set<JobID> = []
      for _ in 0..<25 { original.insert(try await broker.accept().id) }
      var filter = JobFilter(user: "alice", limit: 10)
      var seen: [JobID] = []
      var pages = 0
      repeat {
        let page = try await broker.jobs(matching: filter)
        #expect(page.jobs.count <= 10)
        seen += page.jobs.map(\.id)
        filter.cursor = page.next
        pages += 1
        try await broker.accept()
        if let leased = try await broker.next() { try await broker.end(leased.lease) }
      } while filter.cursor != nil && pages < 20
      #expect(filter.cursor == nil)
      let shown = seen.filter(original.contains)
      #expect(shown.count == 25, "each once")
      #expect(Set(shown) == original)
    }
  }

  @Test("reads a cursor it cannot read as the first page", arguments: Backend.allCases)
  func unreadableCursor(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<3 { try await broker.accept() }
      let first = try await broker.jobs(matching: JobFilter(limit: 2))
      #expect(first.jobs.count == 2)
      #expect(first.next != nil)
      for cursor in ["", "x", "-1", "1e9", "(17", "99999999999999999999999", "\u{0}"] {
        let page = try await broker.jobs(matching: JobFilter(limit: 2, cursor: cursor))
        #expect(page.jobs.map(\.id) == first.jobs.map(\.id), "cursor \(cursor.debugDescription)")
      }
    }
  }

  @Test("lists by queue, kind and time, all at once", arguments: Backend.allCases)
  func filters(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let other = JobKind("other")!
      var jobs: [Job] = []
      for number in 0..<8 {
        jobs.append(
          try await broker.accept(
            .example(queue: number < 4 ? .mail : .video, user: number.isMultiple(of: 2) ? "alice" : "bob") {
              $0.kind = number % 4 < 2 ? .example : other
            }))
        try await time.pass(.milliseconds(3))
      }
      func places(_ filter: JobFilter) async throws -> [Int] {
        let found = try await broker.allJobs(matching: filter).map(\.id)
        return found.compactMap { id in jobs.firstIndex { $0.id == id } }
      }
      #expect(try await places(JobFilter(queue: .video)) == [7, 6, 5, 4])
      #expect(try await places(JobFilter(kind: other)) == [7, 6, 3, 2])
      #expect(try await places(JobFilter(user: "bob", queue: .mail, kind: other)) == [3])
      #expect(try await places(JobFilter(queue: .default)).isEmpty)
      #expect(try await places(JobFilter(since: jobs[2].createdAt, until: jobs[5].createdAt)) == [4, 3, 2])
      #expect(try await places(JobFilter(user: "alice", since: jobs[3].createdAt)) == [6, 4])
      #expect(try await places(JobFilter(until: jobs[0].createdAt)).isEmpty)
      _ = try await broker.cancel(jobs[5].id, reason: nil)
      #expect(try await places(JobFilter(states: [.cancelled], queue: .video)) == [5])
      try await time.pass(.milliseconds(3))
      let last = try await broker.cancel(jobs[2].id, reason: nil)
      let ended = try #require(last.finishedAt)
      #expect(try await places(JobFilter(endedBefore: ended)) == [5], "before it, and of those that have ended")
      #expect(try await places(JobFilter(endedBefore: ended + .milliseconds(1))) == [5, 2])
      #expect(try await places(JobFilter(queue: .mail, endedBefore: ended + .milliseconds(1))) == [2])
      _ = try await broker.retry(jobs[2].id)
      #expect(
        try await places(JobFilter(endedBefore: ended + .seconds(60))) == [5], "one that runs again has not ended")
      #expect(try await places(JobFilter(states: [.queued], queue: .video, limit: 1)) == [7, 6, 4])
    }
  }

  @Test("lists restored jobs among the others by their acceptance", arguments: Backend.allCases)
  func restoredJobs(_ backend: Backend) async throws {
    try await backend.withUncheckedBroker { broker, time in
      var rounds: [[Job]] = []
      for _ in 0..<3 {
        var jobs: [Job] = []
        for user in ["alice", "bob", "alice"] { jobs.append(try await broker.accept(.example(user: user))) }
        rounds.append(jobs)
        try await time.pass(.milliseconds(5))
      }
      let archive = try await broker.everything(limit: 10)
      try await broker.discard(rounds[1].map(\.id))
      // Later than the youngest, and under the next higher numbers.
      #expect(try await broker.restore(archive).restored == 3)
      let newest = try await broker.accept()
      let all = [newest.id] + rounds.joined().reversed().map(\.id)
      for limit in [1, 2, 50] {
        #expect(try await broker.allJobs(matching: JobFilter(limit: limit)).map(\.id) == all)
        let alices = all.filter { id in !rounds.joined().contains { $0.id == id && $0.user == "bob" } }
        #expect(try await broker.allJobs(matching: JobFilter(user: "alice", limit: limit)).map(\.id) == alices)
        for round in rounds {
          let since = JobFilter(since: round[0].createdAt, limit: limit)
          #expect(
            try await broker.allJobs(matching: since).map(\.id) == Array(all.prefix { $0 != round[0].id }) + [
              round[0].id
            ])
          let until = JobFilter(until: round[0].createdAt, limit: limit)
          #expect(
            try await broker.allJobs(matching: until).map(\.id) == Array(all.drop { $0 != round[0].id }.dropFirst()))
        }
      }
      _ = try await broker.remove(rounds[1][0].id)
      #expect(try await broker.allJobs(matching: JobFilter()).map(\.id) == all.filter { $0 != rounds[1][0].id })
    }
  }

  @Test("shows each record as the job itself shows it", arguments: Backend.allCases)
  func listedRecords(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      // What a worker takes first, so that it takes nothing else.
      for state in [JobState.running] + Self.still.reversed() { _ = try await job(in: state, on: broker) }
      for listed in try await broker.allJobs(matching: JobFilter()) {
        var job = try await broker.find(listed.id)
        job.payload = nil
        #expect(listed == job)
      }
    }
  }

  @Test("finds the few among many, page after page", arguments: Backend.allCases)
  func rareJobs(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var wanted: [JobID] = []
      for number in 0..<120 {
        let job = try await broker.accept(.example(user: number.isMultiple(of: 30) ? "bob" : "alice"))
        if number.isMultiple(of: 40) {
          _ = try await broker.cancel(job.id, reason: nil)
          wanted.insert(job.id, at: 0)
        }
      }
      #expect(try await broker.allJobs(matching: JobFilter(states: [.cancelled], limit: 1)).map(\.id) == wanted)
    }
  }

  @Test("lists a job that moved or ran again where it was", arguments: Backend.allCases)
  func stableOrder(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      var ids: [JobID] = []
      for _ in 0..<3 { ids.insert(try await broker.accept().id, at: 0) }
      _ = try await broker.cancel(ids[1], reason: nil)
      _ = try await broker.retry(ids[1])
      _ = try await broker.redrive(ids[2], to: .video)
      #expect(try await broker.allJobs(matching: JobFilter()).map(\.id) == ids)
      #expect(try await broker.allJobs(matching: JobFilter(queue: .video)).map(\.id) == [ids[2]])
      #expect(try await broker.allJobs(matching: JobFilter(queue: .mail)).map(\.id) == [ids[0], ids[1]])
    }
  }
}

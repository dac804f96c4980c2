import EventLoop
import Jobs
import Testing

extension BrokerContract {
  @Test("counts what a queue did in the last minutes", arguments: Backend.allCases)
  func statistics(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      for _ in 0..<4 { try await broker.accept() }
      let cancelled = try await broker.accept(.example(queue: .video))
      _ = try await broker.cancel(cancelled.id, reason: nil)
      for settlement in [
        Settlement.complete(nil), .complete(nil), .fail(.example, retry: .never),
        .fail(.example, retry: .after(.seconds(3600))),
      ] {
        try await broker.work(settlement)
      }
      let mail = try await broker.statistics(of: .mail, minutes: 60)
      #expect(mail.minutes == 60)
      #expect(mail.accepted == 4)
      #expect(mail.completed == 2 && mail.failed == 1 && mail.cancelled == 0 && mail.retried == 1)
      #expect(mail.finished == 3)
      #expect(mail.successRate == 2.0 / 3)
      #expect(mail.wait.count == 4)
      #expect(mail.run.count == 4, "whatever the end")
      let video = try await broker.statistics(of: .video, minutes: 60)
      #expect(video.accepted == 1 && video.cancelled == 1 && video.wait.count == 0)
      #expect(video.successRate == nil)

      var both = mail
      both.add(video)
      #expect(try await broker.statistics(of: nil, minutes: 60) == both)
    }
  }

  @Test("says nothing was done where nothing was", arguments: Backend.allCases)
  func emptyStatistics(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let all = try await broker.statistics(of: nil, minutes: 5)
      #expect(all == QueueStatistics(minutes: 5))
      #expect(try await broker.statistics(of: .mail, minutes: 5) == QueueStatistics(minutes: 5))
    }
  }

  @Test("measures waits from when a job was due, and runs", arguments: Backend.allCases)
  func durations(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.accept()
      try await broker.accept(.example { $0.start = .after(.milliseconds(900)) })
      let short = try #require(try await broker.next()).lease
      try await time.pass(.milliseconds(910))
      try await broker.end(short)
      let second = try #require(try await broker.next()).lease
      try await broker.end(second, .fail(.example, retry: .after(.zero)))
      try await broker.work()
      let statistics = try await broker.statistics(of: .mail, minutes: 60)
      #expect(statistics.wait.count == 2, "first starts only")
      #expect(statistics.run.count == 3)
      let longest = try #require(statistics.run.percentile(1))
      #expect(longest >= .milliseconds(810), "a tenth off at most")
      let waited = try #require(statistics.wait.percentile(1))
      #expect(waited < .milliseconds(600), "from its acceptance it would have been 900 ms and more")
    }
  }

  @Test("measures the wait of a job that runs again from then on", arguments: Backend.allCases)
  func waitAgain(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      let job = try await broker.accept()
      try await broker.work()
      try await time.pass(.milliseconds(900))
      _ = try await broker.retry(job.id)
      try await broker.work()
      _ = try await broker.redrive(job.id, to: .video)
      try await broker.work(in: .video)
      for queue in [QueueName.mail, .video] {
        let wait = try await broker.statistics(of: queue, minutes: 60).wait
        #expect(wait.count == (queue == .mail ? 2 : 1))
        #expect(try #require(wait.percentile(1)) < .milliseconds(600))
      }
    }
  }

  @Test("measures runs that were released or lost as well", arguments: Backend.allCases)
  func undoneRuns(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      try await broker.accept()
      try await broker.end(try #require(try await broker.next()).lease, .release)
      #expect(try await broker.statistics(of: .mail, minutes: 60).run.count == 1)
      _ = try await broker.next(for: .milliseconds(300))
      try await time.pass(.milliseconds(310))
      #expect(try await broker.maintain().requeued.count == 1)
      let statistics = try await broker.statistics(of: .mail, minutes: 60)
      #expect(statistics.run.count == 2)
      #expect(try #require(statistics.run.percentile(1)) >= .milliseconds(270))
      #expect(statistics.wait.count == 1)
    }
  }

  @Test("looks back as far as it is asked to", arguments: Backend.jumping)
  func lookBack(_ backend: Backend) async throws {
    try await backend.withBroker { broker, time in
      for _ in 0..<3 {
        try await broker.accept()
        try await broker.work()
        try await time.pass(.seconds(600))
      }
      func completed(_ minutes: Int) async throws -> Int {
        try await broker.statistics(of: .mail, minutes: minutes).completed
      }
      #expect(try await completed(5) == 0)
      #expect(try await completed(15) == 1)
      #expect(try await completed(25) == 2)
      #expect(try await completed(1440) == 3)
      try await time.pass(.seconds(86_400))
      #expect(try await completed(1440) == 0)
      #expect(try await broker.find().totals.completed == 3)
    }
  }
}

import EventLoop
import Jobs
import Support
import Testing

extension BrokerContract {
  @Test("percent never falls within an attempt and stays below 100", arguments: Backend.allCases)
  func monotonePercent(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let log = await DeliveryLog()
      let subscription = try await broker.subscribe(to: .job(job.id)) { log.record($0) }
      let lease = try #require(try await broker.next()).lease
      for percent in [10, 41.26, 30, 99.99, 100, 250, -5, 0] {
        #expect(try await broker.report(Progress(percent: percent), under: lease).standing == .held)
      }
      let events = try await log.events(atLeast: 9).filter { $0.class == .progress }
      #expect(
        events.map(\.progress.percent) == [10, 41.2, 41.2, 99.9, 99.9, 99.9, 99.9, 99.9])
      #expect(try await broker.job(job.id)?.progress.percent == 99.9)
      await subscription.cancel()
    }
  }

  @Test("keeps the whole of the newest report", arguments: Backend.allCases)
  func wholeReport(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let details = JSONText(unchecked: Array(#"{"speed":"1.5x","note":"a b:c\n"}"#.utf8))
      let report = Progress(
        percent: 12.5, stage: "encoding", message: "frame 812 é", details: details)
      _ = try await broker.report(
        Progress(percent: 12.5, stage: "probing", message: "old"), under: lease)
      _ = try await broker.report(report, under: lease)
      #expect(try await broker.job(job.id)?.progress == report)
      _ = try await broker.report(Progress(percent: 13, stage: "muxing"), under: lease)
      #expect(
        try await broker.job(job.id)?.progress == Progress(percent: 13, stage: "muxing"))
    }
  }

  @Test("begins each attempt without progress", arguments: Backend.allCases)
  func progressReset(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let first = try #require(try await broker.next()).lease
      _ = try await broker.report(Progress(percent: 80, stage: "late"), under: first)
      try await broker.end(first, .fail(.example, retry: .after(.zero)))
      let second = try #require(try await broker.next()).lease
      #expect(try await broker.job(job.id)?.progress == Progress())
      _ = try await broker.report(Progress(percent: 5), under: second)
      #expect(try await broker.job(job.id)?.progress.percent == 5)
      try await broker.end(second, .release)
      _ = try #require(try await broker.next())
      #expect(try await broker.job(job.id)?.progress == Progress())
    }
  }

  @Test("refuses a report over the limit", arguments: Backend.allCases)
  func reportLimit(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      let largest = Progress(
        stage: "s", message: String(repeating: "m", count: Progress.byteLimit - 1))
      #expect(try await broker.report(largest, under: lease).standing == .held)
      let before = try await broker.job(job.id)
      let tooLarge = Progress(
        stage: "ss", message: String(repeating: "m", count: Progress.byteLimit - 1))
      await #expect(throws: BrokerError.reportTooLarge(limit: Progress.byteLimit)) {
        try await broker.report(tooLarge, under: lease)
      }
      #expect(try await broker.job(job.id) == before)
    }
  }

  @Test("keeps the newest 200 log lines, cut at 1 KiB", arguments: Backend.allCases)
  func log(_ backend: Backend) async throws {
    try await backend.withBroker { broker in
      let job = try await broker.accept()
      let lease = try #require(try await broker.next()).lease
      #expect(try await broker.logLines(of: job.id).isEmpty)
      #expect(try await broker.log([], under: lease) == .held)
      #expect(try await broker.log(["first", "second é"], under: lease) == .held)
      #expect(try await broker.logLines(of: job.id) == ["first", "second é"])
      for batch in 0..<5 {
        let lines = (0..<50).map { "line \(batch * 50 + $0)" }
        _ = try await broker.log(lines, under: lease)
      }
      #expect(try await broker.logLines(of: job.id) == (50..<250).map { "line \($0)" })
      _ = try await broker.log((0..<300).map(String.init), under: lease)
      #expect(try await broker.logLines(of: job.id) == (100..<300).map(String.init))

      _ = try await broker.log([String(repeating: "é", count: 2000)], under: lease)
      let cut = try #require(try await broker.logLines(of: job.id).last)
      #expect(cut.utf8.count <= 1024 && cut.utf8.count > 1000)
      #expect(cut.allSatisfy { $0 == "é" }, "no character is cut in two")

      try await broker.end(lease)
      #expect(try await broker.logLines(of: job.id).count == 200, "a log outlives the run")
    }
  }
}

import EventLoop
import Foundation
import Jobs
import Support
import Testing

@testable import Gateway

@Suite("Jobs that are polled") struct PolledJobsTests {
  private static func identity(_ user: String, _ scopes: Permissions = .standard) -> Identity {
    Identity(user: user, permissions: scopes, expiresAt: .distantFuture)
  }
  private let alice = identity("alice")

  @Test("are answered from memory from the third poll on, and anew after every change")
  func memory() async throws {
    try await SessionHarness.run { harness in
      let polled = harness.gateway.legacy.polled
      let id = try await harness.enqueue().id
      for _ in 0..<5 { #expect(try await polled.job(id, for: alice).state == .queued) }
      #expect(polled.answeredHere == 3)
      #expect(polled.watchedCount == 1)
      let leased = try await harness.lease()
      harness.gateway.hub.flush()
      #expect(try await polled.job(id, for: alice).state == .running)
      #expect(polled.answeredHere == 3)
      #expect(try await polled.job(id, for: alice).state == .running)
      #expect(polled.answeredHere == 4)
      try await harness.report(40, of: leased)
      harness.gateway.hub.flush()
      // Progress is written into what is known.
      #expect(try await polled.job(id, for: alice).progress.percent == 40)
      #expect(polled.answeredHere == 5)
      _ = try await harness.broker.settle(leased.lease, .complete(nil))
      harness.gateway.hub.flush()
      #expect(try await polled.job(id, for: alice).state == .completed)
    }
  }

  @Test("are nobody else's, whoever has them watched")
  func rights() async throws {
    try await SessionHarness.run { harness in
      let polled = harness.gateway.legacy.polled
      let id = try await harness.enqueue().id
      for _ in 0..<3 { _ = try await polled.job(id, for: alice) }
      let before = polled.answeredHere
      for identity in [Self.identity("bob"), Self.identity("alice", [.submit])] {
        await #expect(throws: Problem.self) { _ = try await polled.job(id, for: identity) }
      }
      #expect(try await polled.job(id, for: Self.identity("root", [.admin])).id == id)
      #expect(polled.answeredHere > before)
      // Polls of somebody who may not see a job have nothing watched.
      let other = try await harness.enqueue(by: "alice").id
      for _ in 0..<3 {
        await #expect(throws: Problem.self) { _ = try await polled.job(other, for: Self.identity("bob")) }
      }
      #expect(polled.watchedCount == 1)
    }
  }

  @Test("are forgotten when their record goes")
  func removed() async throws {
    try await SessionHarness.run { harness in
      let polled = harness.gateway.legacy.polled
      let id = try await harness.enqueue().id
      for _ in 0..<3 { _ = try await polled.job(id, for: alice) }
      _ = try await harness.broker.remove(id)
      harness.gateway.hub.flush()
      await #expect(throws: Problem.jobNotFound) { _ = try await polled.job(id, for: alice) }
    }
  }

  @Test("are never shown older than they were, whoever changes them while they are polled", arguments: 1...5)
  func monotone(seed: Int) async throws {
    try await SessionHarness.run { harness in
      let polled = harness.gateway.legacy.polled
      let id = try await harness.enqueue().id
      let leased = try await harness.lease()
      let reporter = Task { @EventLoop in
        for percent in 1...200 {
          try await harness.report(Double(percent) / 3, of: leased)
          if percent % (seed + 1) == 0 { await Task.yield() }
        }
      }
      var last: UInt64 = 0
      for _ in 0..<600 {
        let job = try await polled.job(id, for: alice)
        #expect(job.position.offset >= last)
        last = job.position.offset
        await Task.yield()
      }
      try await reporter.value
      harness.gateway.hub.flush()
      let truth = try await harness.broker.job(id)?.progress.percent
      #expect(try await polled.job(id, for: alice).progress.percent == truth)
    }
  }
}

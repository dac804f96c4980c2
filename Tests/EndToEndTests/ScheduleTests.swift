import EventLoop
import Foundation
import Jobs
import Logging
import Redis
import Support
import Testing

@Suite("Schedules of a fleet", .timeLimit(.minutes(2))) struct ScheduleTests {
  /// Opens the fleet's broker for the test itself.
  private func withBroker<Value: Sendable>(
    of fleet: Fleet, _ body: (RedisBroker) async throws -> Value
  ) async throws -> Value {
    let broker = await RedisBroker(
      endpoint: fleet.redis.endpoint, prefix: Fleet.prefix, logger: Logger(label: "test"))
    try await broker.start()
    do {
      let value = try await body(broker)
      await broker.close()
      return value
    } catch {
      await broker.close()
      throw error
    }
  }

  @Test("makes up once for what was missed while no process ran, and workers run it")
  func outage() async throws {
    let fleet = try await Fleet()
    do {
      let missed = Schedule(
        name: try #require(ScheduleName("nightly")), cron: try CronExpression("@hourly"),
        request: JobRequest(
          kind: try #require(JobKind("steps")), user: "alice",
          payload: try JSONText(validating: #"{"gate":"/dev/null"}"#)))
      let begun = Timestamp.now
      try await withBroker(of: fleet) { broker in
        // Six hours ago: six moments have passed since.
        _ = try await broker.put(missed, next: begun + .seconds(-6 * 3600))
      }
      let (_, first) = try await fleet.gateway()
      _ = try await fleet.gateway()
      _ = try await fleet.worker()
      let client = try await JobClient.connect(to: first, token: fleet.token())
      _ = try await client.call("subscribe", #"{"channel":"user:alice"}"#)
      // The list that the channel begins with tells it, or an event does.
      _ = try await client.event {
        ($0["jobs"]?.array ?? [$0]).contains { $0["state"]?.string == "completed" }
      }
      try await withBroker(of: fleet) { broker in
        let status = try #require(try await broker.schedules().first)
        #expect(status.next.map { $0 > begun } == true, "it goes on with the first moment to come")
        #expect(status.lastFiredAt.map { $0 >= begun } == true)
        let queue = try #require(try await broker.queue(.default))
        #expect(queue.totals.accepted == 1)
        let last = try #require(status.lastJob)
        let job = try #require(try await broker.job(last))
        #expect(job.state == .completed && job.user == "alice")
      }
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }
}

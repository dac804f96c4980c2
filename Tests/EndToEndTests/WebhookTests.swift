import EventLoop
import Foundation
import Gateway
import Jobs
import Support
import Testing

/// Webhooks and the history as an operator has them: by processes, signals and a database.
@Suite("Webhooks and the history", .timeLimit(.minutes(3))) @EventLoop
struct WebhookTests {
  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private let folder = TemporaryFolder()
  private var history: HistoryFile { HistoryFile(path: folder.path("history.sqlite")) }

  private var extra: String {
    """
    [webhooks]
    secrets = ["\(Self.secret)"]
    allow_private_addresses = true
    timeout = "60s"
    [history]
    url = "sqlite://\(history.path)"
    """
  }

  /// An endpoint that is silent to the first message that tells an end, and takes all others.
  private func endpoint() -> WebhookReceiver {
    WebhookReceiver { message, earlier in
      message.body.contains("job.completed") && earlier == 0 ? .silence : .status(204)
    }
  }

  private func type(_ message: WebhookReceiver.Message) throws -> String? {
    try JSONDocument(bytes: Array(message.body.utf8)).root["type"]?.string
  }

  /// Submits a job whose program ends at once, which tells all that happens to it.
  private func submit(to port: Int, _ token: String, _ url: String, _ gate: Gate) async throws -> String {
    gate.lift()
    let client = try await JobClient.connect(to: port, token: token)
    let reply = try await client.rpc(
      "job.submit",
      #"{"kind":"steps","payload":{"gate":"\#(gate.path)"},"webhooks":[{"url":"\#(url)","events":"all"}]}"#)
    return try #require(reply["rpc"]?["data"]?["job"]?["id"]?.string, "\(reply.text)")
  }

  private func historyShows(_ id: String) async throws {
    let wanted = ["queued", "running", "completed"].map { "\(id) \($0)" }
    while try await history.ask("SELECT job, state FROM job_change WHERE job = '\(id)' ORDER BY number") != wanted {
      await EventLoop.pause(for: .milliseconds(50))
      try Task.checkCancellation()
    }
    let jobs = try await history.ask("SELECT kind, owner, state, attempt, finished_at > 0 FROM job WHERE id = '\(id)'")
    #expect(jobs == ["steps alice completed 1 1"])
    #expect(try await history.ask("SELECT count(*) FROM job WHERE kind = 'webhook'") == ["0"])
  }

  @Test("an end is told under the same id by another gateway where the first was killed while it told it")
  func killed() async throws {
    let endpoint = endpoint()
    let fleet = try await Fleet(extra: extra)
    do {
      let (first, port) = try await fleet.gateway(slots: 1)
      let gate = Gate(in: folder)
      let id = try await submit(to: port, fleet.token(), endpoint.url("/hook"), gate)
      let told = try await endpoint.messages.values { $0.contains { $0.body.contains("job.completed") } }
      let end = try #require(told.last { $0.body.contains("job.completed") })
      await first.end(SIGKILL)
      _ = try await fleet.gateway(slots: 1)
      let again = try await endpoint.messages.values { $0.count { $0.id == end.id } == 2 }
      let second = try #require(again.last { $0.id == end.id })
      #expect(second.body == end.body && second.path == "/hook")
      #expect(try await second.isSigned(with: Self.secret))
      #expect(try Set(again.map(type)) == ["job.queued", "job.running", "job.completed"])
      let document = try JSONDocument(bytes: Array(second.body.utf8)).root["data"]
      #expect(document?["id"]?.string == id && document?["state"]?.string == "completed")
      try await historyShows(id)
      withExtendedLifetime(gate) {}
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
    endpoint.close()
  }

  @Test("what happened before a crash is told after it, by a gateway that needs nothing else")
  func crashed() async throws {
    let endpoint = endpoint()
    let secret = "a secret of thirty-two bytes or more, for tests"
    let issuer = TokenIssuer(key: try SigningKey(secret: secret.utf8, algorithm: .hs256, id: "test"))
    let configuration = try folder.write(
      """
      [gateway]
      port = 0
      drain = "200ms"
      [broker]
      folder = "\(folder.path("state"))"
      [[admission.keys]]
      id = "test"
      algorithm = "HS256"
      secret = "\(secret)"
      [workers]
      embedded = 1
      [[workers.commands]]
      name = "steps"
      program = "/bin/true"
      \(extra)
      """, to: "config.toml")
    func serve() async throws -> (FanfareProcess, Int) {
      let process = try await FanfareProcess.start(["serve", "--config", configuration], until: "  workers ")
      let page = await process.banner.first { $0.contains("  page") } ?? ""
      return (process, try #require(page.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) }))
    }
    let token = try issuer.connectionToken(
      user: "alice", permissions: .standard, lifetime: .seconds(600), now: Date())
    let (first, port) = try await serve()
    let gate = Gate(in: folder)
    let id = try await submit(to: port, token, endpoint.url(), gate)
    _ = try await endpoint.messages.values { $0.contains { $0.body.contains("job.completed") } }
    await first.end(SIGKILL)
    let (second, _) = try await serve()
    let all = try await endpoint.messages.values { messages in
      messages.count { $0.body.contains("job.completed") } == 2
    }
    let ends = all.filter { $0.body.contains("job.completed") }
    #expect(Set(ends.map(\.id)).count == 1 && Set(ends.map(\.body)).count == 1)
    try await historyShows(id)
    #expect(await second.end(SIGTERM) == 0)
    withExtendedLifetime(gate) {}
    endpoint.close()
  }
}

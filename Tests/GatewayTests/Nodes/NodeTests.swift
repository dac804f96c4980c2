import EventLoop
import Foundation
import Jobs
import Logging
import Support
import Testing

@testable import Gateway

extension Logger {
  static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
}

@Suite("Nodes", .timeLimit(.minutes(1))) @EventLoop struct NodeTests {
  private func authenticator() throws -> LiveAuthenticator {
    let key = try SigningKey(secret: Array(repeating: 7, count: 32), algorithm: .hs256)
    return LiveAuthenticator(try Authenticator(keys: [key.verificationKey()]))
  }

  /// Runs `body` with nodes of these names on one broker, which are all there.
  private func run(
    _ names: [String], _ body: @EventLoop ([Node], EmbeddedBroker) async throws -> Void
  ) async throws {
    let folder = TemporaryFolder()
    let broker = try await EmbeddedBroker.open(at: folder.path, logger: .quiet)
    var nodes: [Node] = []
    for name in names {
      let node = Node(
        id: NodeID(name), broker: broker, authenticator: try authenticator(), version: "1", host: "here", process: 7,
        logger: .quiet)
      node.start { Node.Load() }
      nodes.append(node)
    }
    while try await broker.nodes().count < names.count { await Task.yield() }
    try await body(nodes, broker)
    for node in nodes { await node.stop() }
    #expect(try await broker.nodes().isEmpty)
    await broker.close()
  }

  private func text(_ text: String) -> JSONText { JSONText(unchecked: Array(text.utf8)) }

  @Test("ask all who are there and return with the last answer")
  func survey() async throws {
    try await run(["a", "b", "c"]) { nodes, _ in
      for node in nodes { node.answers("name") { subject in text(#""\#(node.id) \#(subject)""#) } }
      let began = ContinuousClock.now
      let result = await nodes[1].survey("name", about: "x", within: .seconds(60))
      #expect(result.answers.first == text(#""b x""#))
      #expect(Set(result.answers) == Set(["a", "b", "c"].map { text(#""\#($0) x""#) }) && result.missing == 0)
      #expect(ContinuousClock.now - began < .seconds(60))
    }
  }

  @Test("wait only so long for one that does not answer, or says too much")
  func silent() async throws {
    try await run(["a", "b", "c"]) { nodes, broker in
      for node in nodes.prefix(2) { node.answers("name") { _ in text("1") } }
      nodes[2].answers("name") { _ in text("\"\(String(repeating: "x", count: SurveyAnswer.byteLimit))\"") }
      try await broker.beat(
        NodeReport(id: NodeID("gone"), host: "", process: 1, version: "", startedAt: .now), for: .seconds(600))
      let result = await nodes[0].survey("name", about: "x", within: .milliseconds(50))
      #expect(result.answers == [text("1"), text("1")] && result.missing == 2)
      #expect(await nodes[0].survey("unknown", about: "", within: .milliseconds(1)).answers.isEmpty)
      try await broker.dismiss(NodeID("gone"))
    }
  }

  @Test("let nobody in before the list of revocations was read, and then whom it does not name")
  func revocationsFirst() async throws {
    let key = try SigningKey(secret: Array(repeating: 7, count: 32), algorithm: .hs256)
    let issuer = TokenIssuer(key: key)
    let authenticator = try authenticator()
    let good = try issuer.connectionToken(user: "bob", lifetime: .seconds(60), now: Date())
    let void = try issuer.connectionToken(user: "alice", lifetime: .seconds(60), now: Date())
    await #expect(throws: TokenError.unavailable) { try await authenticator.admit(good) { Date() } }
    #expect(throws: TokenError.unavailable, "nor is anybody let in who does not wait") {
      try authenticator.authenticate(good, now: Date())
    }
    let waiting = Task { @EventLoop in try? await authenticator.admit(good) { Date() } }
    let refused = Task { @EventLoop in try? await authenticator.admit(void) { Date() } }
    await Task.yield()
    authenticator.revoke(Revocation(.user("alice"), at: .now, until: .now + .seconds(600)))
    authenticator.revocationsAreKnown()
    #expect(await waiting.value?.user == "bob")
    #expect(await refused.value == nil)
  }

  @Test("ask for newer keys where a token names one that nobody knows")
  func unknownKey() async throws {
    let old = try SigningKey(secret: Array(repeating: 7, count: 32), algorithm: .hs256, id: "old")
    let new = try SigningKey.generate(.es256, id: "new")
    let live = LiveAuthenticator(try Authenticator(keys: [old.verificationKey()]), knowsRevocations: true)
    let token = try TokenIssuer(key: new).connectionToken(user: "bob", lifetime: .seconds(60), now: Date())
    await #expect(throws: TokenError.self) { try await live.admit(token) { Date() } }
    for (outcome, error) in [(KeyRefresh.notNow, TokenError.algorithmNotAllowed), (.failed, .unavailable)] {
      live.keyRefresh = { outcome }
      await #expect(throws: error) { try await live.admit(token) { Date() } }
    }
    live.keyRefresh = {
      do {
        live.exchange(try Authenticator(keys: [old.verificationKey(), new.verificationKey()]))
        return .done
      } catch { return .failed }
    }
    #expect(try await live.admit(token) { Date() }.user == "bob")
  }

  @Test("ask for newer keys for a subscription's token, too")
  func unknownSubscriptionKey() async throws {
    let old = try SigningKey(secret: Array(repeating: 7, count: 32), algorithm: .hs256, id: "old")
    let new = try SigningKey.generate(.es256, id: "new")
    let live = LiveAuthenticator(try Authenticator(keys: [old.verificationKey()]), knowsRevocations: true)
    let token = try TokenIssuer(key: new).subscriptionToken(
      user: "bob", channel: "user:bob", lifetime: .seconds(60), now: Date())
    live.keyRefresh = { .failed }
    await #expect(throws: TokenError.unavailable) {
      try await live.admitSubscription(token, channel: "user:bob", user: "bob") { Date() }
    }
    live.keyRefresh = {
      do {
        live.exchange(try Authenticator(keys: [old.verificationKey(), new.verificationKey()]))
        return .done
      } catch { return .failed }
    }
    let grant = try await live.admitSubscription(token, channel: "user:bob", user: "bob") { Date() }
    #expect(grant.channel == "user:bob")
  }

  @Test("are listed for operators, and say who watches a job, to its owner")
  func verbs() async throws {
    try await SessionHarness.runUnlimited { harness in
      while try await harness.broker.nodes().isEmpty { await Task.yield() }
      let list = try await harness.admin(.get, "/v1/nodes")
      let node = list["nodes"]?.array?.first
      #expect(node?["id"]?.string == "node" && node?["version"]?.string == "dev")
      #expect(node?["delivering"]?.bool == true && node?["connections"]?.int == 0)
      #expect(try await harness.ask(.get, "/v1/nodes").status == 403)

      let job = try await harness.enqueue()
      let path = "/v1/jobs/\(job.id)/watchers"
      #expect(try await harness.ask(.get, path)["watchers"]?.int == 0)
      for _ in 0..<2 {
        let (session, connection) = try await harness.connect()
        session.tell(#"{"id":2,"subscribe":{"channel":"job:\#(job.id)"}}"#)
        _ = await connection.frames(2)
      }
      let answer = try await harness.ask(.get, path)
      #expect(answer["watchers"]?.int == 2 && answer["nodes"]?.int == 1 && answer["missing"] == nil)
      #expect(try await harness.ask(.get, path, by: "bob").status == 404)
      let reply = try await harness.call("job.watchers", #"{"id":"\#(job.id)"}"#)
      #expect(reply["rpc"]?["data"]?["watchers"]?.int == 2)
      // Two gateways would each count their own.
      try await harness.broker.beat(
        NodeReport(id: NodeID("other"), host: "", process: 1, version: "", startedAt: .now), for: .seconds(600))
      let other = try await harness.broker.controlMessages(to: NodeID("other")) { message in
        guard case .question(let question) = message else { return }
        let content = text(#"{"watchers":5,"delivered":9}"#)
        Task { @EventLoop in
          try await harness.broker.tell(
            question.asker, .answer(SurveyAnswer(number: question.number, node: NodeID("other"), content: content)))
        }
      }
      let sum = try await harness.ask(.get, path)
      #expect(sum["watchers"]?.int == 7 && sum["nodes"]?.int == 2 && sum["delivered"]?.int == 9)
      other.cancel()
    }
  }
}

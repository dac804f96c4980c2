import EventLoop
import Jobs
import Support

/// Submits jobs of every sort, each until it is acknowledged, always with the same key.
@EventLoop
final class ChaosSubmitter {
  private let user: String
  private let token: String
  private let fleet: ChaosFleet
  private let ledger: ChaosLedger
  private let accepted: @EventLoop (String) -> Void
  private var random: SeededRandom
  private var client: JobClient?
  private var own: [String] = []
  private var isOver = false

  init(
    _ user: String, _ fleet: ChaosFleet, _ ledger: ChaosLedger, seed: UInt64,
    accepted: @escaping @EventLoop (String) -> Void
  ) throws {
    self.user = user
    self.fleet = fleet
    self.ledger = ledger
    self.accepted = accepted
    token = try fleet.token(user: user)
    random = SeededRandom(seed: seed)
  }

  /// Submits as long as `mayGoOn`, and holds back while `isBusy`.
  func run(while mayGoOn: @EventLoop () -> Bool, isBusy: @EventLoop () -> Bool) async {
    var number = 0
    while mayGoOn() {
      if !isBusy() {
        number += 1
        await submit("\(user)-\(number)")
      }
      await pause(.milliseconds(Int64.random(in: 10...300, using: &random)))
    }
  }

  /// Ends what it insists on.
  func giveUp() { isOver = true }

  private func submit(_ key: String) async {
    let hook = fleet.follower?.hook(&random)
    let request = request(key, hook)
    guard let id = await insist("job.submit", request).flatMap(job) else {
      return ledger.violate("\(key) was never acknowledged")
    }
    ledger.acknowledge(id)
    fleet.follower?.accepted(id, hook)
    own.append(id)
    accepted(id)
    if chance(0.15) { await submitAgain(request, known: id) }
    if chance(0.1) {
      await pause(.milliseconds(Int64.random(in: 0...1500, using: &random)))
      guard let reply = await insist("job.cancel", #"{"id":"\#(id)"}"#), reply["error"] == nil else {
        return ledger.violate("\(id) could not be cancelled")
      }
      ledger.count("cancellations asked for")
    }
  }

  private func submitAgain(_ request: String, known id: String) async {
    guard let reply = await insist("job.submit", request) else { return }
    guard job(of: reply) == id, reply["rpc"]?["data"]?["replayed"]?.bool == true else {
      return ledger.violate("\(id) submitted again is answered with \(reply.text)")
    }
    ledger.count("  of them submitted again on purpose")
  }

  private func job(of reply: JSONValue) -> String? {
    if reply["rpc"]?["data"]?["replayed"]?.bool == true {
      ledger.count("duplicates refused: the same job for the same key")
    }
    guard let id = reply["rpc"]?["data"]?["job"]?["id"]?.string else {
      ledger.violate("a submission was answered with \(reply.text)")
      return nil
    }
    return id
  }

  /// Calls until there is an answer other than «not now»: what is safe to repeat is repeated.
  private func insist(_ method: String, _ data: String) async -> JSONValue? {
    while !isOver {
      do {
        let client = try await connection()
        let reply = try await client.rpc(method, data)
        switch reply["error"]?["code"]?.int {
        case 503?: ledger.count("refusals, repeated with the same key")
        case 409? where method == "job.submit": ledger.count("refusals, repeated with the same key")
        default: return reply
        }
      } catch {
        client?.drop()
        client = nil
        ledger.count("answers lost, repeated with the same key")
      }
      await pause(.milliseconds(Int64.random(in: 20...200, using: &random)))
    }
    return nil
  }

  private func connection() async throws -> JobClient {
    if let client { return client }
    guard let port = fleet.port(&random) else { throw RawSocket.Failure.reset }
    let new = try await JobClient.connect(to: port, token: token)
    client = new
    return new
  }

  // MARK: What is submitted

  private func chance(_ part: Double) -> Bool { Double.random(in: 0..<1, using: &random) < part }

  private func request(_ key: String, _ hook: ChaosFollower.Hook?) -> String {
    let fate = ["ok", "ok", "ok", "ok", "ok", "ok", "flaky", "flaky", "bad"].randomElement(using: &random)!
    let isLong = chance(0.06)
    let queue = ChaosFleet.queues.randomElement(using: &random)!
    var members = [
      #""kind":"chaos","queue":"\#(queue)","idempotency_key":"\#(key)""#,
      #""payload":{"fate":"\#(fate)","steps":\#(isLong ? 12 : 3),"pause":"\#(isLong ? "0.5" : "0.1")"}"#,
      #""priority":\#(Int.random(in: 1...10, using: &random))"#,
    ]
    if let hook, let follower = fleet.follower { members.append(follower.member(of: hook)) }
    if fate == "bad" { members.append(#""max_attempts":2"#) }
    members.append(#""retry":{"base":0.2,"jitter":0.5}"#)
    if chance(0.1) { members.append(#""delay":\#(Double.random(in: 0.1...2, using: &random))"#) }
    if chance(0.15), !own.isEmpty {
      let parents = Set((0...1).compactMap { _ in own.suffix(20).randomElement(using: &random) })
      let rule = ["cancel", "fail", "run"].randomElement(using: &random)!
      members.append(#""depends_on":["\#(parents.sorted().joined(separator: #"",""#))"]"#)
      members.append(#""when_parent_fails":"\#(rule)""#)
    }
    return "{\(members.joined(separator: ","))}"
  }
}

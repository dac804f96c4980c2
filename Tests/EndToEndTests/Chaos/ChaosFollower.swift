import EventLoop
import Jobs
import Support

/// Follows the jobs of a run by webhooks and by a history, and judges both when all has settled.
@EventLoop
final class ChaosFollower {
  /// What a job's webhook asks for.
  enum Hook: String, CaseIterable {
    case all, ends

    /// The member of a submission, where `url` is the receiver's.
    func member(at url: String) -> String {
      switch self {
      case .all: #""webhooks":[{"url":"\#(url)/all","events":"all"}]"#
      case .ends: #""webhooks":[{"url":"\#(url)/ends"}]"#
      }
    }
  }

  /// A row of the history's changes.
  private struct Change {
    let number: Int
    let at: Int
    let state: String
    let previous: String?

    /// What a message that tells it has to be called.
    func id(of job: String) -> String { "evt_\(job)_\(number)_\(at)" }
  }

  private let ledger: ChaosLedger
  private let history: HistoryFile
  private let receiver = WebhookReceiver { ChaosFollower.reply(to: $0.id, earlier: $1) }
  private var hooks: [String: Hook] = [:]

  init(in folder: TemporaryFolder, _ ledger: ChaosLedger) {
    self.ledger = ledger
    history = HistoryFile(path: folder.path("history.sqlite"))
  }

  /// The sections of a configuration.
  var configuration: String {
    """
    [webhooks]
    secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    allow_private_addresses = true
    timeout = "1s"
    backoff = "200ms"
    max_backoff = "2s"
    attempts = 50
    slots = 32
    [history]
    url = "sqlite://\(history.path)"
    """
  }

  /// The webhook of every other job.
  func hook(_ random: inout SeededRandom) -> Hook? {
    Bool.random(using: &random) ? Hook.allCases.randomElement(using: &random) : nil
  }

  func member(of hook: Hook) -> String { hook.member(at: receiver.url("")) }

  func accepted(_ job: String, _ hook: Hook?) { hooks[job] = hook }

  func close() { receiver.close() }

  /// What the endpoint does with a message: now and then it fails, hangs or is overloaded the first time.
  private nonisolated static func reply(to id: String, earlier: Int) -> WebhookReceiver.Reply {
    let number = id.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF }
    if earlier > 1 { return .status(204) }
    switch number % 40 {
    case 0..<4 where earlier == 0: return .status(500)
    case 4..<6 where earlier == 0: return .silence
    case 6..<8: return .status(503, headers: "Retry-After: 1\r\n")
    default: return .status(204)
    }
  }

  // MARK: Settling

  /// Returns when the history has every end, and the endpoint has taken what it wants to be told; throws when it is
  /// cancelled.
  func settle() async throws {
    let ended = "SELECT count(*) FROM job WHERE state IN ('completed', 'failed', 'cancelled')"
    while try await history.ask(ended) != ["\(ledger.acknowledged.count)"] {
      await pause(.milliseconds(200))
      try Task.checkCancellation()
    }
    let changes = try await changes()
    var missing = Set(hooks.flatMap { job, hook in messages(of: hook, for: job, changes[job] ?? []) })
    try await receiver.messages.values { [unowned self] _ in
      lookAround()
      missing = missing.filter { bodies[$0] == nil }
      return missing.isEmpty
    }
  }

  private var looked = 0
  private var comings: [String: Int] = [:]
  /// Of the messages that were taken.
  private var bodies: [String: String] = [:]
  private var told: [String: Set<String>] = [:]

  /// Looks at what came since the last look.
  private func lookAround() {
    for message in receiver.messages.values[looked...] { look(at: message) }
    looked = receiver.messages.values.count
  }

  private func look(at message: WebhookReceiver.Message) {
    ledger.count("messages to webhooks")
    let earlier = comings[message.id, default: 0]
    comings[message.id] = earlier + 1
    guard case .status(204, _) = Self.reply(to: message.id, earlier: earlier) else {
      return ledger.count("  of them refused on purpose")
    }
    let data = try? JSONDocument(bytes: Array(message.body.utf8)).root["data"]
    guard let job = data?["id"]?.string else { return ledger.violate("a webhook was told \(message.body)") }
    if let body = bodies[message.id] {
      ledger.count("  of them told again after they were taken")
      if body != message.body { ledger.violate("\(message.id) is told with two bodies") }
    }
    bodies[message.id] = message.body
    told[job, default: []].insert(message.id)
  }

  private func changes() async throws -> [String: [Change]] {
    var changes: [String: [Change]] = [:]
    for row in try await history.ask(
      "SELECT job, number, at, state, ifnull(previous_state, '') FROM job_change ORDER BY job, number, at")
    {
      let words = row.split(separator: " ").map(String.init)
      changes[words[0], default: []].append(
        Change(
          number: Int(words[1]) ?? 0, at: Int(words[2]) ?? 0, state: words[3],
          previous: words.count > 4 ? words[4] : nil))
    }
    return changes
  }

  /// The messages that a webhook of a job is to be told.
  private func messages(of hook: Hook, for job: String, _ changes: [Change]) -> Set<String> {
    Set((hook == .all ? changes : changes.suffix(1)).map { $0.id(of: job) })
  }

  // MARK: What must hold

  /// Judges all jobs; `records` is how they stand in the store.
  func check(_ records: [String: Job]) async throws {
    var last: [String: String] = [:]
    for row in try await history.ask("SELECT id, state, number FROM job") {
      let words = row.split(separator: " ").map(String.init)
      last[words[0]] = words[1...].joined(separator: " ")
    }
    let changes = try await changes()
    lookAround()
    for (id, job) in records { check(id, job, last[id], changes[id] ?? []) }
    for stranger in Set(last.keys).union(changes.keys).union(told.keys) where records[stranger] == nil {
      ledger.violate("\(stranger) was told of, and is none of the jobs")
    }
    ledger.count("jobs in the history", by: last.count)
    ledger.count("changes in the history", by: changes.values.reduce(0) { $0 + $1.count })
  }

  private func check(_ id: String, _ job: Job, _ row: String?, _ changes: [Change]) {
    let states = changes.map(\.state)
    if row != "\(job.state) \(changes.last?.number ?? 0)" || states.last != "\(job.state)" {
      ledger.violate("\(id) is \(job.state), in the history \(row ?? "missing"), after the changes \(states)")
    }
    if changes.map(\.previous) != [nil] + states.dropLast() {
      ledger.violate("\(id) went from \(changes.map { $0.previous ?? "nothing" }) to \(states) in the history")
    }
    let told = told[id] ?? []
    let wanted = hooks[id].map { messages(of: $0, for: id, changes) } ?? []
    if told != wanted {
      ledger.violate(
        "the webhook of \(id) was told \(told.subtracting(wanted).sorted()), and not \(wanted.subtracting(told).sorted())"
      )
    }
  }
}

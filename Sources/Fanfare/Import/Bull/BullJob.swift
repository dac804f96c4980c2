import Foundation
import Jobs

/// The record of a job of Bull's or BullMQ's.
struct BullJob {
  private let fields: [String: [UInt8]]

  init(_ fields: [String: [UInt8]]) { self.fields = fields }

  /// The queues of ClipForge, whose jobs are of the kind of their queue.
  private static let typedQueues: Set = [
    "ingest", "transcribe", "vision", "scoring", "render", "publish", "notification",
  ]

  func job(in queue: String, _ rules: ImportRules) throws(ForeignJobFault) -> ForeignJob {
    let name = text("name") ?? Self.unnamed
    try checkWhatIsLost()
    let options: JSONValue?
    let data: JSONValue?
    do throws(JSONError) {
      options = try fields["opts"].map { bytes throws(JSONError) in try JSONDocument(bytes: bytes).root }
      data = try fields["data"].map { bytes throws(JSONError) in try JSONDocument(bytes: bytes).root }
    } catch { throw ForeignJobFault("its data is no JSON: \(error)") }
    guard options?["repeat"] == nil else { throw Self.recurring }

    let word = Self.typedQueues.contains(queue.lowercased()) || name == Self.unnamed ? queue.lowercased() : name
    guard let kind = rules.rule(for: name, queue)?.kind ?? JobKind(word) else {
      throw ForeignJobFault("\"\(word)\" is no name of a kind: give it one with --map")
    }
    var job = ForeignJob(name: name, kind: kind, payload: Self.payload(of: data), priority: rules.priority)
    // Bull's 1 is the most urgent, and goes on without an end.
    if let level = options?["priority"]?.int { job.priority = Priority(min(10, max(1, 11 - max(0, level))))! }
    let made = text("attemptsMade").flatMap { Int($0) } ?? text("atm").flatMap { Int($0) } ?? 0
    job.maxAttempts = min(100, max(1, max(1, options?["attempts"]?.int ?? 1) - max(0, made)))
    job.retry = Self.retryPolicy(options?["backoff"])
    if let limit = options?["timeout"]?.int, limit > 0 { job.timeout = .milliseconds(limit) }
    return job
  }

  /// What Bull calls a job that nobody named.
  private static let unnamed = "__default__"

  private static let recurring = ForeignJobFault("it recurs: make it a schedule (fanfare schedules)")

  /// What Bull would do beside running the job, and we would not.
  private func checkWhatIsLost() throws(ForeignJobFault) {
    if text("rjk") != nil { throw Self.recurring }
    if text("parentKey") != nil || text("parent") != nil { throw ForeignJobFault("another job waits for it: a flow") }
  }

  /// A payload is an object: anything else becomes its member `data`.
  private static func payload(of data: JSONValue?) -> JSONText {
    guard let data, !data.isNull else { return .emptyObject }
    if data.object != nil { return data.text }
    var writer = JSONWriter()
    writer.object { $0.member("data", data.text) }
    return writer.text
  }

  /// `{"type":"exponential"|"fixed","delay":ms,"jitter":0…1}`, or the delay alone; nil for a program's own.
  private static func retryPolicy(_ backoff: JSONValue?) -> RetryPolicy? {
    guard let backoff, let delay = backoff.int ?? backoff["delay"]?.int, (0...604_800_000).contains(delay) else {
      return nil
    }
    let word = backoff["type"]?.string ?? RetryPolicy.Growth.fixed.rawValue
    guard let growth = RetryPolicy.Growth(rawValue: word) else { return nil }
    return RetryPolicy(
      growth: growth, base: .milliseconds(delay), cap: .seconds(604_800),
      jitter: min(1, max(0, backoff["jitter"]?.double ?? 0)))
  }

  private func text(_ name: String) -> String? {
    fields[name].flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) }
  }
}

import Foundation
import Jobs

/// The gateway's documents as people read them.
enum Listing {
  static func jobs(_ page: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("ID", "STATE", "QUEUE", "KIND", "PRIO", "TRY", "PROGRESS", "AGE", "USER")
    for job in page["jobs"]?.array ?? [] {
      table.add([
        text(job, "id"), state(of: job), text(job, "queue"), text(job, "kind"),
        text(job, "priority"), attempts(of: job), progress(of: job), age(job, "created_at", now),
        text(job, "user"),
      ])
    }
    return table
  }

  static func queues(_ answer: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("QUEUE", "MODE", "WAITING", "RUNNING", "LIMIT", "FAILED", "OLDEST")
    for queue in answer["queues"]?.array ?? [] {
      table.add([
        text(queue, "name"), text(queue, "mode"), text(queue, "waiting"), text(queue, "running"),
        queue["settings"].map { text($0, "concurrency") } ?? "-",
        queue["totals"].map { text($0, "failed") } ?? "-", age(queue, "oldest_queued_at", now),
      ])
    }
    return table
  }

  static func workers(_ answer: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("WORKER", "MODE", "BUSY", "QUEUES", "KINDS", "MEMORY", "SEEN")
    for worker in answer["workers"]?.array ?? [] {
      var mode = text(worker, "mode")
      if let wanted = worker["wanted"]?.string { mode += " → \(wanted)" }
      if worker["lost"]?.bool == true { mode = "lost" }
      table.add([
        text(worker, "id"), mode,
        "\(worker["jobs"]?.array?.count ?? 0)/\(text(worker, "slots"))", list(worker, "queues"),
        list(worker, "kinds"), memory(worker["memory"]?.int), age(worker, "seen_at", now),
      ])
    }
    return table
  }

  static func nodes(_ answer: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("NODE", "VERSION", "SINCE", "SOCKETS", "SUBSCRIPTIONS", "DELAY", "STATE")
    for node in answer["nodes"]?.array ?? [] {
      var state = node["draining"]?.bool == true ? "draining" : "serving"
      if node["delivering"]?.bool == false { state += ", events interrupted" }
      table.add([
        text(node, "id"), text(node, "version"), age(node, "started_at", now), text(node, "connections"),
        text(node, "subscriptions"), delay(node["delay"]?.double), state,
      ])
    }
    return table
  }

  private static func delay(_ seconds: Double?) -> String {
    seconds.map { "\(Int(($0 * 1000).rounded(.up))) ms" } ?? "-"
  }

  static func revocations(_ answer: JSONValue) -> TextTable {
    var table = TextTable("WHAT", "WHOSE", "REVOKED", "REMEMBERED UNTIL")
    for entry in answer["revocations"]?.array ?? [] {
      table.add([
        entry["user"] == nil ? "token" : "user", entry["user"]?.string ?? text(entry, "token"),
        moment(entry, "at"), moment(entry, "until"),
      ])
    }
    return table
  }

  private static func moment(_ document: JSONValue, _ name: String) -> String {
    guard let time = document[name]?.int else { return "-" }
    return Date(timeIntervalSince1970: Double(time) / 1000).formatted(.iso8601)
  }

  /// Prints ``members(_:now:)``, without the line of headings.
  static func sayMembers(of document: JSONValue) {
    for line in members(document).lines.dropFirst() { Terminal.say(line) }
  }

  /// Every member on a line of its own; those of objects behind a dot.
  static func members(_ document: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("", "")
    add(document, prefix: "", to: &table, now)
    return table
  }

  private static func add(
    _ document: JSONValue, prefix: String, to table: inout TextTable, _ now: Date
  ) {
    for (name, value) in document.object ?? [] where name != "links" && name != "payload" {
      let isOpaque = ["result", "details", "payload"].contains(name)
      if value.object != nil, !isOpaque {
        add(value, prefix: "\(prefix)\(name).", to: &table, now)
      } else if name.hasSuffix("_at") || ["start_by", "end_by"].contains(name), let time = value.int {
        let date = Date(timeIntervalSince1970: Double(time) / 1000)
        table.add(["\(prefix)\(name)", date.formatted(.iso8601)])
      } else {
        table.add(["\(prefix)\(name)", value.string ?? value.text.description])
      }
    }
  }

  static func text(_ document: JSONValue, _ name: String) -> String {
    guard let value = document[name] else { return "-" }
    return value.string ?? value.text.description
  }

  private static func list(_ document: JSONValue, _ name: String) -> String {
    let texts = document[name]?.array?.compactMap(\.string) ?? []
    return texts.isEmpty ? "-" : texts.joined(separator: ",")
  }

  private static func state(of job: JSONValue) -> String {
    if job["cancelling"]?.bool == true { return "cancelling" }
    if job["stalled"]?.bool == true { return "stalled" }
    return text(job, "state")
  }

  private static func attempts(of job: JSONValue) -> String {
    job["attempt"].flatMap(\.int).map { "\($0)/\(text(job, "max_attempts"))" } ?? "-"
  }

  private static func progress(of job: JSONValue) -> String {
    if let position = job["position"]?.int { return "place \(position)" }
    if let error = job["error"]?["code"]?.string { return error }
    return job["percent"].map { "\($0.text)%" } ?? "-"
  }

  static func age(_ document: JSONValue, _ name: String, _ now: Date) -> String {
    guard let time = document[name]?.int else { return "-" }
    let seconds = max(0, now.timeIntervalSince1970 - Double(time) / 1000)
    return Duration.seconds(seconds).shortText
  }

  private static func memory(_ bytes: Int?) -> String {
    guard let bytes, bytes > 0 else { return "-" }
    return bytes >= 1 << 30
      ? String(format: "%.1f GiB", Double(bytes) / Double(1 << 30)) : "\(bytes >> 20) MiB"
  }
}

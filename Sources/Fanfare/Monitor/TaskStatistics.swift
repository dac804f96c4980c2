import Foundation
import Jobs

/// Counts over all queues, in S4's words.
struct TaskStatistics {
  private let counts: [TaskStatus: Int]
  private let document: JSONValue

  /// Of what `GET /v1/stats` answers.
  init(_ document: JSONValue) {
    self.document = document
    var counts: [TaskStatus: Int] = [:]
    for state in JobState.allCases {
      counts[TaskStatus(state), default: 0] += document["counts"]?[state.rawValue]?.int ?? 0
    }
    self.counts = counts
  }

  private func count(_ status: TaskStatus) -> Int { counts[status] ?? 0 }
  private var total: Int { counts.values.reduce(0, +) }

  /// A fact a line.
  var lines: [String] {
    var table = TextTable("", "")
    table.add(["Total", "\(total)"])
    for status in TaskStatus.allCases { table.add([status.rawValue.capitalized, "\(count(status))"]) }
    table.add(["Success rate", rate("success_rate")])
    table.add(["Failure rate", rate("error_rate")])
    table.add(["A minute", "\(perMinute("accepted")) accepted, \(perMinute("finished")) finished"])
    table.add(["Workers", workers])
    return Array(table.lines.dropFirst())
  }

  /// All on one line, for a pipe or a log.
  var line: String {
    "total \(total)  " + TaskStatus.allCases.map { "\($0) \(count($0))" }.joined(separator: "  ") + "  workers "
      + (document["workers"].map { Listing.text($0, "live") } ?? "-")
  }

  /// Of the last hour; nothing has ended, nothing can be said.
  private func rate(_ name: String) -> String {
    document["recent"]?[name]?.double.map { String(format: "%.1f %%", $0 * 100) } ?? "-"
  }

  private func perMinute(_ name: String) -> String {
    document["recent"]?["per_minute"].map { Listing.text($0, name) } ?? "-"
  }

  private var workers: String {
    guard let workers = document["workers"] else { return "-" }
    var text = "\(Listing.text(workers, "live")) live, \(Listing.text(workers, "busy")) of "
    text += "\(Listing.text(workers, "slots")) slots busy"
    if let lost = workers["lost"]?.int, lost > 0 { text += ", \(lost) lost" }
    return text
  }
}

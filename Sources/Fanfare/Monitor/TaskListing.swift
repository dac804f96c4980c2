import Foundation
import Jobs

/// Tasks as the transcription queue's monitor listed them.
enum TaskListing {
  /// What tasks are: whatever removes them leaves jobs of other systems alone.
  static let kinds = ["transcription", "risk_detection"]

  static func tasks(_ page: JSONValue, now: Date = Date()) -> TextTable {
    var table = TextTable("TASK", "STATUS", "TYPE", "PRIORITY", "PROGRESS", "AGE")
    for job in page["jobs"]?.array ?? [] {
      table.add([
        Listing.text(job, "id"), "\(TaskStatus(of: job))", Listing.text(job, "kind"), Listing.text(job, "priority"),
        job["percent"].map { "\($0.text)%" } ?? job["error"]?["code"]?.string ?? "-",
        Listing.age(job, "created_at", now),
      ])
    }
    return table
  }
}

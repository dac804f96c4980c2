import Jobs

/// A job told in lines, for a pipe or a log: one for each change that a reader would want to know.
struct ProgressLines {
  private var told: WatchedJob?

  /// The line that the job's change is worth; nil where it says nothing new: within a stage, percent
  /// counts in steps of ten.
  mutating func line(for job: WatchedJob) -> String? {
    guard let told, !isNews(job, after: told) else {
      told = job
      return Self.text(of: job)
    }
    return nil
  }

  private func isNews(_ job: WatchedJob, after told: WatchedJob) -> Bool {
    job.state != told.state || job.attempt != told.attempt || job.stage != told.stage
      || job.place != told.place || job.isStalled != told.isStalled
      || job.isCancelling != told.isCancelling
      || Int((job.percent ?? 0) / 10) != Int((told.percent ?? 0) / 10)
  }

  /// `0198…  running  41.2%  encoding  1.8x`: parts stand two spaces apart.
  static func text(of job: WatchedJob) -> String {
    // Wide enough for everything: a log has no width.
    var plain = job
    plain.percent = nil
    let line = ProgressBar.line(for: plain, width: .max)
    let percent = job.state == .running ? job.percent.map { "  \(tenths($0))%" } ?? "" : ""
    let state = job.state == .running ? "running\(percent)  " : ""
    return "\(job.id)  \(state)\(line == "running" ? "" : line)".trimmingSuffix { $0 == " " }
  }

  private static func tenths(_ percent: Double) -> String {
    let tenths = Int((percent * 10).rounded(.down))
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}

extension String {
  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
    var text = self
    while let last = text.last, predicate(last) { text.removeLast() }
    return text
  }
}

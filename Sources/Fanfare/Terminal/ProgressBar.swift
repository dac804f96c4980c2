import Foundation
import Jobs

/// A job on one line of a terminal.
enum ProgressBar {
  /// The line, at most `width` columns wide. What matters less goes first where room is short: the
  /// bar, then the words behind the numbers.
  static func line(for job: WatchedJob, width: Int) -> String {
    let facts = facts(of: job)
    guard job.state == .running, let percent = job.percent else {
      return fit(([title(of: job)] + facts).joined(separator: "  "), width)
    }
    let number = String(format: "%5.1f%%", percent)
    let rest = ([number] + facts).joined(separator: "  ")
    let title = title(of: job)
    let room = width - title.count - rest.count - 4
    guard room >= 10 else { return fit("\(title)  \(rest)", width) }
    return "\(title)  \(bar(percent, width: min(room, 40)))  \(rest)"
  }

  /// `[=====>    ]`, `width` columns in all, the brackets included.
  static func bar(_ percent: Double, width: Int) -> String {
    let inner = max(0, width - 2)
    let filled = Int((min(max(percent, 0), 100) / 100 * Double(inner)).rounded(.down))
    let head = filled > 0 && filled < inner ? ">" : filled == inner ? "=" : ""
    let body = String(repeating: "=", count: max(0, filled - 1)) + (filled > 0 ? head : "")
    return "[" + body + String(repeating: " ", count: inner - body.count) + "]"
  }

  /// What the job does, in a word or two.
  static func title(of job: WatchedJob) -> String {
    switch job.state {
    case .running: job.isCancelling ? "cancelling" : job.stage ?? "running"
    case .queued: job.place.map { "queued, place \($0)" } ?? "queued"
    case .retrying: "waiting to try again"
    case .completed: "completed"
    case .failed, .cancelled, .scheduled, .blocked: job.state.rawValue
    }
  }

  /// What there is to add, in the order of its weight.
  private static func facts(of job: WatchedJob) -> [String] {
    var facts: [String] = []
    if job.isStalled { facts.append("its worker is silent") }
    if job.state == .queued, let estimate = job.estimate {
      let most = estimate.most.shortText
      facts.append(
        estimate.least < .seconds(1)
          ? "starts within \(most)" : "starts in \(estimate.least.shortText) to \(most)")
    }
    if job.state == .running {
      if let speed = job.speed { facts.append(String(format: "%.1fx", speed)) }
      if let remaining = job.remaining { facts.append("\(clock(remaining)) left") }
      if job.attempt > 1 { facts.append("attempt \(job.attempt)") }
      if let message = job.message { facts.append(message) }
    }
    if let failure = job.failure, job.state != .completed, job.state != .running {
      facts.append(failure.message.isEmpty ? failure.code : failure.message)
    }
    if job.state.isTerminal, let start = job.startedAt, let end = job.finishedAt {
      facts.append("after \(clock(end - start))")
    }
    return facts
  }

  /// `0:07`, `12:30`, `1:02:03`.
  static func clock(_ duration: Duration) -> String {
    let seconds = max(0, Int((Double(duration.milliseconds) / 1000).rounded()))
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
    let tail = String(format: "%02d", seconds % 60)
    return hours > 0
      ? "\(hours):" + String(format: "%02d", minutes) + ":\(tail)" : "\(minutes):\(tail)"
  }

  private static func fit(_ text: String, _ width: Int) -> String {
    guard text.count > width else { return text }
    return width > 1 ? text.prefix(width - 1) + "…" : String(text.prefix(max(0, width)))
  }
}

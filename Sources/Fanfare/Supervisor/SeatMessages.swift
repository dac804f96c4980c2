/// What a supervisor tells a process of its.
enum SeatOrder: String, CaseIterable {
  /// Accept no more, let the next one have it, and drain.
  case handOver = "hand over"
  /// Let readiness fail, take no more jobs, and say so when none runs any more; go on serving until told to end.
  case finishWork = "finish work"
  /// End in order: ask the sockets away.
  case end
}

/// What a process tells its supervisor.
enum SeatReport: Hashable {
  /// It accepts connections: what it is called, and what there is to say to who started it all.
  case ready(node: String, banner: [String])
  /// It ends, and has no job in hand any more.
  case workDone
  /// It ends, and why.
  case failed(String)

  /// So much of a reason is told: it has to go in one message.
  private static let longest = 32_768

  var text: String {
    switch self {
    case .ready(let node, let banner): (["ready", node] + banner).joined(separator: "\n")
    case .workDone: "work done"
    case .failed(let reason): "failed\n" + String(reason.prefix(Self.longest))
    }
  }

  init?(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    switch lines.first {
    case "ready" where lines.count > 1: self = .ready(node: lines[1], banner: Array(lines.dropFirst(2)))
    case "work done": self = .workDone
    case "failed": self = .failed(lines.dropFirst().joined(separator: "\n"))
    default: return nil
    }
  }
}

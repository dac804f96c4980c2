import Jobs

/// A group as a watcher knows it: each document is the whole.
struct WatchedGroup: Watched, Sendable, Equatable {
  var id: String
  var name: String?
  var state = JobGroup.State.open
  var jobs = 0
  var pending = 0
  var counts: [JobState: Int] = [:]
  var percent: Double?
  /// The job that followed.
  var callback: String?
  var position: StreamPosition?

  init(id: String) { self.id = id }

  var channel: String { "group:\(id)" }
  var hasEnded: Bool { state == .finished }

  @discardableResult
  mutating func merge(_ value: JSONValue, offset: Int? = nil) -> Bool {
    // Of the stream, not of the group.
    if value["event"]?.string == "delivery" { return false }
    let offset = (offset ?? value["offset"]?.int).flatMap(UInt64.init(exactly:))
    let epoch = value["epoch"]?.string ?? position?.epoch
    if let offset, let known = position, known.epoch == epoch, offset < known.offset { return false }
    if let offset, let epoch { position = StreamPosition(offset: offset, epoch: epoch) }
    name = value["name"]?.string
    state = value["state"]?.string.flatMap(JobGroup.State.init(rawValue:)) ?? state
    jobs = value["jobs"]?.int ?? jobs
    pending = value["pending"]?.int ?? pending
    for state in JobState.allCases {
      if let count = value["counts"]?[state.rawValue]?.int { counts[state] = count }
    }
    percent = value["percent"]?.double
    callback = value["callback"]?.string
    return true
  }

  /// How a command ends that has seen the end: by the worst of its jobs.
  var exitStatus: ExitStatus {
    if counts[.failed, default: 0] > 0 { return .failed }
    return counts[.cancelled, default: 0] > 0 ? .cancelled : .completed
  }

  /// The group on one line.
  var line: String {
    var words = [state == .finished ? "finished" : "\(jobs - pending) of \(jobs) jobs ended"]
    if state == .open { words.append("open") }
    for state in [JobState.running, .failed, .cancelled] {
      if let count = counts[state], count > 0 { words.append("\(count) \(state.rawValue)") }
    }
    if let callback { words.append("followed by \(callback)") }
    return words.joined(separator: ", ")
  }
}

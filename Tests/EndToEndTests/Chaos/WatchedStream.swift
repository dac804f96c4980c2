import Jobs

/// The events of one job as one watcher saw them, over all its connections, and what was wrong with them.
struct WatchedStream {
  /// One thing that came.
  enum Item: Hashable {
    /// An event, live.
    case event(offset: Int, isState: Bool, state: String)
    /// The record, at a subscribe or after a gap: what lies before it is made up for.
    case record(offset: Int, state: String)
  }

  /// What a watcher must never see.
  struct Fault: Hashable {
    enum Kind: String, CaseIterable {
      case gap = "gaps"
      case repeated = "repeats"
      case missingEnd = "missing ends"
      case other = "other faults"
    }
    let kind: Kind
    let sentence: String
  }

  let job: String
  /// Each of its events changes its state: then no number may be left out.
  let isStill: Bool
  private(set) var items: [Item] = []
  private(set) var epoch: String?
  private(set) var offset = 0
  private(set) var hasEnded = false
  private(set) var faults: [Fault] = []
  /// Publications that told an end.
  private var ends = 0
  private var state: String?
  private var attempt = 0
  private var percent = 0.0
  /// The newest as they came, for whoever reads of a fault.
  private(set) var newest: [String] = []

  init(of job: String, isStill: Bool = false) {
    self.job = job
    self.isStill = isStill
  }

  /// What a client of the protocol says when it comes back.
  var position: String {
    guard let epoch else { return "" }
    return #","recover":true,"offset":\#(offset),"epoch":"\#(epoch)""#
  }

  /// What a client over HTTP says when it comes back.
  var cursor: String? { epoch.map { "\($0)-\(offset)" } }

  // MARK: What comes

  /// Takes a subscribe result: what it tells of the past, and the record.
  mutating func take(result: JSONValue) {
    let known = epoch.map { ($0, offset) }
    let publications = result["publications"]?.array ?? []
    for publication in publications {
      if let data = publication["data"] { take(publication: data) }
    }
    guard let record = result["data"] else { return }
    if let (epoch, offset) = known, publications.isEmpty, record["epoch"]?.string == epoch,
      let top = record["offset"]?.int, top > offset
    {
      fault(.gap, "resumed at \(offset), it stands at \(top), and no publication told so")
    }
    take(record: record)
  }

  /// Takes the whole job as it stands, whatever the client knows.
  mutating func take(record data: JSONValue) {
    guard let (offset, state) = read(data) else { return }
    if offset < self.offset { fault(.repeated, "the record at \(offset) after \(self.offset)") }
    if hasEnded, offset > self.offset { fault(.repeated, "the record went on to \(offset) after its end") }
    lay(offset, state)
  }

  /// Takes what was published to the client: an event, or the record as one.
  mutating func take(publication data: JSONValue) {
    guard !["position", "delivery"].contains(data["event"]?.string) else { return }
    guard let (offset, state) = read(data) else { return }
    if offset <= self.offset { fault(.repeated, "\(offset) (\(state)) was published after \(self.offset)") }
    if hasEnded { fault(.repeated, "\(offset) (\(state)) was published after the end") }
    if data["event"]?.string == "snapshot" {
      lay(offset, state)
    } else {
      takeEvent(data, offset, state)
    }
    if Self.isEnd(state) { ends += 1 }
    if ends > 1 { fault(.repeated, "an end was published \(ends) times") }
  }

  /// Takes the answer to a long poll: the record, which is no longer where it was.
  mutating func take(polled data: JSONValue) {
    guard let (offset, state) = read(data) else { return }
    if offset <= self.offset { fault(.repeated, "\(offset) (\(state)) was answered to one who had \(self.offset)") }
    if hasEnded { fault(.repeated, "\(offset) (\(state)) was answered after the end") }
    lay(offset, state)
  }

  /// Was told that what it knows is void: it begins anew.
  mutating func reset() {
    note("reset")
    epoch = nil
    offset = 0
    state = nil
    hasEnded = false
    ends = 0
  }

  private mutating func read(_ data: JSONValue) -> (offset: Int, state: String)? {
    note(data.text.description)
    guard let offset = data["offset"]?.int, let state = data["state"]?.string else {
      fault(.other, "something without offset or state")
      return nil
    }
    let epoch = data["epoch"]?.string
    if let known = self.epoch, known != epoch { fault(.other, "epoch \(known) became \(epoch ?? "none")") }
    self.epoch = epoch
    return (offset, state)
  }

  private mutating func lay(_ offset: Int, _ state: String) {
    items.append(.record(offset: offset, state: state))
    // What lies between may be another delivery, which begins anew.
    percent = 0
    attempt = 0
    reach(offset, state)
  }

  private mutating func takeEvent(_ data: JSONValue, _ offset: Int, _ state: String) {
    let isState = data["event"]?.string == "state"
    let attempt = data["attempt"]?.int ?? 0
    if self.state == nil { fault(.gap, "event \(offset) came before any record") }
    if isStill, offset > self.offset + 1, self.state != nil {
      fault(.gap, "event \(offset) came after \(self.offset), and each is a change of state")
    } else if let before = self.state, !Self.mayFollow(before, state) {
      fault(.gap, "\(state) (\(offset)) came after \(before) (\(self.offset))")
    } else if self.attempt != 0, attempt > self.attempt, self.state == "running" {
      fault(.gap, "attempt \(attempt) (\(offset)) came while \(self.attempt) ran (\(self.offset))")
    }
    if attempt != self.attempt || state != "running" { percent = 0 }
    self.attempt = attempt
    if let percent = data["percent"]?.double, state == "running" {
      if percent < self.percent { fault(.other, "percent fell to \(percent) from \(self.percent)") }
      if percent >= 100 { fault(.other, "running at \(percent) %") }
      self.percent = percent
    }
    items.append(.event(offset: offset, isState: isState, state: state))
    reach(offset, state)
  }

  private mutating func reach(_ offset: Int, _ state: String) {
    self.offset = max(self.offset, offset)
    self.state = state
    if Self.isEnd(state) { hasEnded = true }
  }

  /// Whether one change of state leads from here to there: a job does not complete that did not run.
  private static func mayFollow(_ before: String, _ after: String) -> Bool {
    switch (before, after) {
    case ("running", _): true
    case (_, "completed"), (_, "retrying"): before == after
    case ("scheduled", "running"), ("blocked", "running"), ("retrying", "running"): false
    default: true
    }
  }

  private static func isEnd(_ state: String) -> Bool { JobState(rawValue: state)?.isTerminal == true }

  // MARK: What is found

  mutating func fault(_ kind: Fault.Kind, _ sentence: String) {
    faults.append(Fault(kind: kind, sentence: ([sentence] + newest).joined(separator: "\n      ")))
  }

  /// Keeps what happened to the client, for whoever reads of a fault.
  mutating func note(_ happening: String) { newest = newest.suffix(11) + [happening] }

  /// Whether changes of state that others saw are missing where this watcher saw what came before and after
  /// live. Progress may be left out: readers who are behind get the newest.
  func missed(of states: Set<Int>) -> [Int] {
    var last = 0
    var missed: [Int] = []
    for item in items {
      switch item {
      case .event(let offset, _, _):
        missed += (last + 1..<max(offset, last + 1)).filter { states.contains($0) }
        last = max(last, offset)
      case .record(let offset, _): last = max(last, offset)
      }
    }
    return missed
  }

  /// What is wrong with these streams, when all has happened: in itself, and beside what the others saw.
  /// Each with the place of its stream.
  static func faults(in streams: [WatchedStream]) -> [(index: Int, fault: Fault)] {
    var states: [String: Set<Int>] = [:]
    var ends: [String: Set<Int>] = [:]
    for stream in streams {
      for item in stream.items {
        switch item {
        case .event(let offset, let isState, let state):
          if isState { states[stream.job, default: []].insert(offset) }
          if isEnd(state) { ends[stream.job, default: []].insert(offset) }
        case .record(let offset, let state): if isEnd(state) { ends[stream.job, default: []].insert(offset) }
        }
      }
    }
    return streams.enumerated().flatMap { index, stream in
      var stream = stream
      if !stream.hasEnded { stream.fault(.missingEnd, "was never seen to end") }
      let missed = stream.missed(of: states[stream.job] ?? [])
      if !missed.isEmpty { stream.fault(.gap, "was not told of the changes \(missed)") }
      if let ends = ends[stream.job], ends.count > 1 { stream.fault(.other, "ended at \(ends.sorted())") }
      return stream.faults.map { (index, $0) }
    }
  }
}

import Jobs

/// The events of one job as one watcher saw them, over all its connections.
struct WatchedStream {
  /// One thing that came.
  enum Item: Hashable {
    /// An event, live.
    case event(offset: Int, isState: Bool, state: String)
    /// The record, at a subscribe or after a gap: what lies before it is made up for.
    case record(offset: Int, state: String)
  }

  let job: String
  private(set) var items: [Item] = []
  private(set) var epoch: String?
  private(set) var offset = 0
  private(set) var hasEnded = false
  private(set) var faults: [String] = []
  private var attempt = 0
  private var percent = 0.0
  /// The newest as they came, for whoever reads of a fault.
  private var newest: [String] = []

  init(of job: String) { self.job = job }

  /// What a client says when it comes back.
  var position: String {
    guard let epoch else { return "" }
    return #","recover":true,"offset":\#(offset),"epoch":"\#(epoch)""#
  }

  /// Takes the data of a subscribe result, or of a publication.
  mutating func take(_ data: JSONValue, isLive: Bool) {
    guard !["position", "delivery"].contains(data["event"]?.string) else { return }
    newest = newest.suffix(5) + [data.text.description]
    guard let offset = data["offset"]?.int, let state = data["state"]?.string else {
      return fault("something without offset or state: \(data.text)")
    }
    let epoch = data["epoch"]?.string
    if let known = self.epoch, known != epoch { fault("epoch \(known) became \(epoch ?? "none")") }
    self.epoch = epoch
    if isLive, data["event"]?.string != "snapshot" {
      takeEvent(data, offset, state)
    } else {
      if offset < self.offset { fault("the record at \(offset) after event \(self.offset)") }
      if hasEnded, offset > self.offset { fault("the record went on to \(offset) after its end") }
      items.append(.record(offset: offset, state: state))
      // What lies between may be another delivery, which begins anew.
      percent = 0
    }
    self.offset = max(self.offset, offset)
    if JobState(rawValue: state)?.isTerminal == true { hasEnded = true }
  }

  private mutating func takeEvent(_ data: JSONValue, _ offset: Int, _ state: String) {
    if offset <= self.offset { fault("event \(offset) came after \(self.offset)") }
    if hasEnded { fault("event \(offset) (\(state)) came after the end") }
    let attempt = data["attempt"]?.int ?? 0
    if let percent = data["percent"]?.double, state == "running" {
      if attempt == self.attempt, percent < self.percent { fault("percent fell to \(percent) from \(self.percent)") }
      if percent >= 100 { fault("running at \(percent) %") }
      self.percent = percent
    }
    if attempt != self.attempt || state != "running" { percent = 0 }
    self.attempt = attempt
    items.append(.event(offset: offset, isState: data["event"]?.string == "state", state: state))
  }

  mutating func fault(_ sentence: String) { faults.append(([sentence] + newest).joined(separator: "\n      ")) }

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
}

// How values that are only read whole lie in the journal: as JSON, absent where they are nil, so that a
// file written before something could be set says that nobody set it.

extension QueueSettings {
  var journalText: String {
    var writer = JSONWriter()
    writer.object { write(into: &$0) }
    return writer.text.description
  }

  init?(journalText: String) {
    guard let root = try? JSONDocument(bytes: Array(journalText.utf8)).root,
      let settings = try? QueueSettings(reading: root)
    else { return nil }
    self = settings
  }
}

extension ScheduleStatus {
  var journalText: String {
    var writer = JSONWriter()
    writer.object { write(into: &$0) }
    return writer.text.description
  }

  init?(journalText: String) {
    guard let root = try? JSONDocument(bytes: Array(journalText.utf8)).root,
      let status = try? ScheduleStatus(reading: root)
    else { return nil }
    self = status
  }
}

extension JobRequest {
  var journalText: String {
    var writer = JSONWriter(reserving: payload.bytes.count + 512)
    writer.object { write(into: &$0) }
    return writer.text.description
  }

  init?(journalText: String) {
    guard let root = try? JSONDocument(bytes: Array(journalText.utf8)).root,
      let request = try? JobRequest(reading: root)
    else { return nil }
    self = request
  }
}

extension RetryPolicy {
  /// `growth base cap jitter`.
  var journalText: String {
    "\(growth.rawValue) \(base.milliseconds) \(cap.milliseconds) \(jitter)"
  }

  init?(journalText: String) {
    let parts = journalText.split(separator: " ")
    guard parts.count == 4, let growth = Growth(rawValue: String(parts[0])),
      let base = Int64(parts[1]), let cap = Int64(parts[2]), let jitter = Double(parts[3])
    else { return nil }
    self.init(growth: growth, base: .milliseconds(base), cap: .milliseconds(cap), jitter: jitter)
  }
}

extension JSONValue {
  fileprivate var milliseconds: Duration? { int.map { .milliseconds($0) } }
}

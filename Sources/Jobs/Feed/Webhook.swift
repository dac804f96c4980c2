/// An address that is told when a job changes, and of which changes.
package struct Webhook: Hashable, Sendable {
  /// Which changes it is told of.
  package enum Events: Hashable, Sendable {
    /// Every change of state, and every one of the facts beside it.
    case all
    /// Each time that the job comes into one of these states from another.
    case states(Set<JobState>)

    /// The ends of a job.
    package static let terminal = Events.states([.completed, .failed, .cancelled])
  }

  /// Where to: `https://…`. It is not read here.
  package var address: String
  package var events: Events
  /// Whether the queue has it, and not the job itself: then it is no concern of the job's user.
  package var isOfQueue: Bool

  package init(_ address: String, _ events: Events = .terminal, isOfQueue: Bool = false) {
    self.address = address
    self.events = events
    self.isOfQueue = isOfQueue
  }

  /// Whether it is told of a job that was in `previous` (nil: it is new, or came from an archive) and now is in `state`.
  package func hears(of state: JobState, from previous: JobState?) -> Bool {
    switch events {
    case .all: true
    case .states(let states): states.contains(state) && state != previous
    }
  }
}

extension JobKind {
  /// What tells a webhook: such a job has none itself.
  package static let webhook = JobKind("webhook")!
}

extension Webhook {
  /// As settings and archives have it: `{"url":…,"events":"all"}`, or a list of states.
  package func write(into writer: inout JSONWriter) {
    writer.member("url", address)
    switch events {
    case .all: writer.member("events", "all")
    case .states(let states):
      writer.array("events") { list in
        for state in JobState.allCases where states.contains(state) { list.element(state.rawValue) }
      }
    }
    writer.fact("of_queue", isOfQueue)
  }

  init(reading value: JSONValue) throws(ArchiveFault) {
    guard let events = value["events"].flatMap({ Events($0) }) else {
      throw ArchiveFault(member: "events", "names a state that is none")
    }
    self.init(
      try value.name("url") { $0 }, events, isOfQueue: value["of_queue"]?.bool ?? false)
  }
}

extension Webhook.Events {
  /// Reads `"all"` or a list of names of states that is not empty; nil for anything else.
  package init?(_ value: JSONValue) {
    if value.string == "all" {
      self = .all
      return
    }
    guard let names = value.array, !names.isEmpty else { return nil }
    var states: Set<JobState> = []
    for name in names {
      guard let state = name.string.flatMap({ JobState(rawValue: $0) }) else { return nil }
      states.insert(state)
    }
    self = .states(states)
  }
}

extension [Webhook] {
  func write(_ name: StaticString, into writer: inout JSONWriter) {
    guard !isEmpty else { return }
    writer.array(name) { list in for hook in self { list.object { hook.write(into: &$0) } } }
  }

  init(optional value: JSONValue?) throws(ArchiveFault) {
    self = []
    for element in value?.array ?? [] { append(try Webhook(reading: element)) }
  }
}

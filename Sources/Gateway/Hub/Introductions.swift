package import Jobs

/// Jobs that a user's watchers are about to hear of for the first time: while the record is read that introduces one,
/// what else happens to it waits behind.
package struct Introductions {
  /// What is to be done with an event.
  package enum Action: Hashable, Sendable {
    /// Its job is known: it goes out.
    case publish
    /// Its job is new: its record is to be read.
    case introduce
    case hold
    /// More waits than is kept: all of it goes out as it is, in this order, and the job needs no introduction.
    case release([JobEvent])
  }

  /// The most events of one job that wait.
  private let limit: Int
  private var held: [JobID: [JobEvent]] = [:]

  package init(limit: Int = 32) { self.limit = limit }

  package mutating func take(_ event: JobEvent) -> Action {
    guard var events = held.removeValue(forKey: event.id) else {
      guard event.position.offset == 1, event.class == .state else { return .publish }
      held[event.id] = [event]
      return .introduce
    }
    // Of progress the newest alone matters.
    if event.class == .progress, events.last?.class == .progress { events.removeLast() }
    events.append(event)
    guard events.count <= limit else { return .release(events) }
    held[event.id] = events
    return .hold
  }

  /// The job was introduced by its record at this position, or there is none: gives what is still to be told.
  ///
  /// Nil where the job waits no more: what there was to tell has been told.
  package mutating func introduced(_ id: JobID, at position: StreamPosition?) -> [JobEvent]? {
    guard let events = held.removeValue(forKey: id) else { return nil }
    guard let position else { return events }
    return events.filter { $0.position.epoch != position.epoch || $0.position.offset > position.offset }
  }

  /// Nobody listens any more.
  package mutating func forget() { held = [:] }
}

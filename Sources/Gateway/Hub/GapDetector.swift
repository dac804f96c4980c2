package import Jobs

/// Notices that events of a job are missing, and holds what follows until the record was read.
package struct GapDetector {
  private enum Phase {
    /// Nothing was seen yet: any number may be the first.
    case fresh
    case following(StreamPosition)
    /// `last` is the position before the gap.
    case healing(last: StreamPosition, held: [JobEvent])
  }
  private var phase = Phase.fresh

  /// What is to be done with an event.
  package enum Action: Hashable, Sendable {
    case publish
    /// Repeated, or older than what was seen.
    case drop
    case hold
    case holdAndReadRecord
  }

  package init() {}

  /// Nothing was seen yet.
  package var isFresh: Bool { if case .fresh = phase { true } else { false } }

  /// Takes an event as it arrives. One of another epoch begins another stream, and is published: whoever
  /// follows the old one notices by the epoch.
  package mutating func take(_ event: JobEvent) -> Action {
    switch phase {
    case .fresh:
      phase = .following(event.position)
      return .publish
    case .following(let last), .healing(let last, _):
      guard last.epoch == event.position.epoch else {
        phase = .following(event.position)
        return .publish
      }
    }
    switch phase {
    case .following(let last) where event.position.offset <= last.offset: return .drop
    case .following(let last) where event.position.offset > last.offset + 1:
      phase = .healing(last: last, held: [event])
      return .holdAndReadRecord
    case .healing(let last, var held):
      held.append(event)
      phase = .healing(last: last, held: held)
      return .hold
    case .fresh, .following:
      phase = .following(event.position)
      return .publish
    }
  }

  /// Whether a record at this position goes on from what was seen. One that lies before it was set back (a
  /// backup, a replica that was behind): what was seen did not happen.
  package func continues(at position: StreamPosition) -> Bool {
    switch phase {
    case .fresh: true
    case .following(let last), .healing(let last, _):
      position.epoch != last.epoch || position.offset >= last.offset
    }
  }

  /// The record was read at this position: what is held up to it is superfluous.
  package mutating func healed(at position: StreamPosition) {
    guard case .healing(let last, let held) = phase else { return }
    phase = .healing(
      last: last, held: held.filter { $0.position.epoch != position.epoch || $0.position.offset > position.offset })
  }

  /// What is held, in order.
  package var held: [JobEvent] { if case .healing(_, let held) = phase { held } else { [] } }

  /// Ends the healing and hands over what is left to publish, in order.
  package mutating func release() -> [JobEvent] {
    guard case .healing(_, let held) = phase else { return [] }
    phase = held.last.map { .following($0.position) } ?? .fresh
    return held
  }

  /// The record was delivered at this position, unasked: what follows it is no gap.
  package mutating func sawRecord(at position: StreamPosition) {
    guard case .healing = phase else {
      phase = .following(position)
      return
    }
  }

  /// Nobody listens: numbers that pass unseen are no gap.
  package mutating func forget() { phase = .fresh }
}

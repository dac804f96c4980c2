package import Jobs

/// Notices that events of a job are missing, and holds what follows until the record was read.
package struct GapDetector {
  private enum Phase {
    /// Nothing was seen yet: any number may be the first.
    case fresh
    case following(StreamPosition)
    case healing(held: [JobEvent])
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

  /// Takes an event as it arrives.
  package mutating func take(_ event: JobEvent) -> Action {
    switch phase {
    case .fresh:
      phase = .following(event.position)
      return .publish
    case .following(let last) where last.epoch != event.position.epoch:
      phase = .healing(held: [event])
      return .holdAndReadRecord
    case .following(let last) where event.position.offset <= last.offset: return .drop
    case .following(let last) where event.position.offset == last.offset + 1:
      phase = .following(event.position)
      return .publish
    case .following:
      phase = .healing(held: [event])
      return .holdAndReadRecord
    case .healing(var held):
      held.append(event)
      phase = .healing(held: held)
      return .hold
    }
  }

  /// The record was read at this offset: what is held up to it is superfluous.
  package mutating func healed(at offset: UInt64) {
    guard case .healing(let held) = phase else { return }
    phase = .healing(held: held.filter { $0.position.offset > offset })
  }

  /// Ends the healing and hands over what is left to publish, in order.
  package mutating func release() -> [JobEvent] {
    guard case .healing(let held) = phase else { return [] }
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

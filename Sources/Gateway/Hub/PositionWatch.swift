package import Jobs

/// Which channels are compared with their records next, and which of them did not agree at the first look.
///
/// In a round each channel is looked at once, a part of them at a time: what a look costs is spread over the round.
/// One that does not agree is looked at again a part later, since what was published may still be on its way.
package struct PositionWatch {
  /// A channel that did not agree with its record.
  package struct Suspect: Hashable, Sendable {
    package var channel: Channel
    /// Where the record stands; nil where there is none.
    package var record: StreamPosition?
    /// What its watchers had been told already when the record was asked for.
    package var told: Place

    package init(channel: Channel, record: StreamPosition?, told: Place) {
      self.channel = channel
      self.record = record
      self.told = told
    }
  }

  /// How far a stream was told; which stream, by the hash of its epoch.
  package struct Place: Hashable, Sendable {
    package var offset: UInt64
    package var stream: Int

    package init(offset: UInt64, stream: Int) {
      self.offset = offset
      self.stream = stream
    }

    /// Whether the record has more to tell, or begins another stream.
    package func lags(behind record: StreamPosition) -> Bool {
      stream != record.epoch.hashValue || offset < record.offset
    }

    /// Whether the record lies before what was told: it was set back.
    package func isAhead(of record: StreamPosition) -> Bool {
      stream == record.epoch.hashValue && offset > record.offset
    }
  }

  /// In how many parts a round is cut.
  package let parts: Int
  private var round: [Channel] = []
  private var part = 0
  private var suspects: [Suspect] = []

  package init(parts: Int) {
    precondition(parts > 0, "a round has a part at least")
    self.parts = parts
  }

  /// The next part of the channels: of those there are when a round begins.
  package mutating func next(of channels: () -> [Channel]) -> ArraySlice<Channel> {
    if part == 0 { round = channels() }
    let (first, last) = (round.count * part / parts, round.count * (part + 1) / parts)
    part = (part + 1) % parts
    defer { if part == 0 { round = [] } }
    return round[first..<last]
  }

  package mutating func suspect(_ suspect: Suspect) { suspects.append(suspect) }

  /// Those that did not agree when they were looked at last.
  package mutating func takeSuspects() -> [Suspect] {
    defer { suspects = [] }
    return suspects
  }
}

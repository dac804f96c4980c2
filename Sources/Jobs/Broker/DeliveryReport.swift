/// How events reach this process.
package struct DeliveryReport: Hashable, Sendable {
  /// How long what was last published to see whether it arrives took to arrive; nil where nothing is, or was yet.
  package var delay: Duration?
  /// How often the source was lost since the start.
  package private(set) var interruptions = 0
  /// How many connections Redis ended since then because their output was over its limit, as far as it tells.
  package private(set) var outputLimitLosses = 0
  /// When the source was lost, the newest last; so many as can be asked for.
  private var interruptedAt: [Timestamp] = []
  private var endedForOutputAt: Timestamp?

  /// The most interruptions that ``interruptions(since:)`` knows of.
  package static let memory = 1000

  package init(delay: Duration? = nil) { self.delay = delay }

  /// The source was lost.
  package mutating func interrupted(at moment: Timestamp) {
    interruptions += 1
    interruptedAt.append(moment)
    if interruptedAt.count > Self.memory { interruptedAt.removeFirst() }
  }

  /// Redis told that it ended so many more connections for their output.
  package mutating func endedForOutput(_ count: Int, at moment: Timestamp) {
    outputLimitLosses += count
    endedForOutputAt = moment
  }

  /// How often the source was lost at that moment or later, ``memory`` at most.
  package func interruptions(since moment: Timestamp) -> Int { interruptedAt.count { $0 >= moment } }

  /// Whether Redis was found, at that moment or later, to have ended connections for their output.
  package func hasEndedForOutput(since moment: Timestamp) -> Bool { endedForOutputAt.map { $0 >= moment } ?? false }
}

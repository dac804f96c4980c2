package import EventLoop
import Jobs

/// What a channel published in one turn of the loop, in order: what each of its watchers is handed at the
/// turn's end.
///
/// Joined once and shared by all: what a delivery costs does not depend on how much the turn brought.
@EventLoop
package final class PublicationBatch {
  /// At least one.
  package let publications: ContiguousArray<Publication>
  /// Whether no other channel published in this turn: who gets this gets nothing else.
  package let isAlone: Bool
  /// Where it is counted what becomes of it; nil for what is no business of a channel's.
  let counters: DeliveryCounters?
  /// Where what is numbered lies in its stream; nil where nothing is.
  let span: Span?

  /// A stretch of one stream.
  struct Span {
    var offsets: ClosedRange<UInt64>
    /// Of which stream, by ``Publication/stream``; nil where the turn brought two, so that nobody's place holds.
    var stream: Int?
    /// Whether the last of it is the subject's end.
    var isEnd: Bool
  }

  package init(
    _ publications: ContiguousArray<Publication>, isAlone: Bool = false, counters: DeliveryCounters? = nil
  ) {
    precondition(!publications.isEmpty, "a batch of nothing")
    self.publications = publications
    self.isAlone = isAlone
    self.counters = counters
    var span: Span?
    for publication in publications {
      guard publication.isNumbered, let offset = publication.position?.offset else { continue }
      let before = span ?? Span(offsets: offset...offset, stream: publication.stream, isEnd: false)
      span = Span(
        offsets: min(before.offsets.lowerBound, offset)...max(before.offsets.upperBound, offset),
        stream: before.stream == publication.stream ? before.stream : nil, isEnd: publication.isTerminal)
    }
    self.span = span
  }

  /// A single publication.
  package convenience init(_ publication: Publication, counters: DeliveryCounters? = nil) {
    self.init([publication], counters: counters)
  }

  /// The pushes one behind the other, each a WebSocket message of its own.
  package private(set) lazy var push: PreparedFrame =
    publications.count == 1
    ? publications[0].push : PreparedFrame(concatenating: publications.map(\.push))

  /// What of it is numbered above `offset` or not at all; nil where nothing is left.
  func after(_ offset: UInt64) -> PublicationBatch? {
    let rest = publications.filter { publication in
      guard publication.isNumbered, let position = publication.position else { return true }
      return position.offset > offset
    }
    return rest.isEmpty ? nil : PublicationBatch(ContiguousArray(rest), isAlone: isAlone, counters: counters)
  }
}

package import Jobs

/// What a client that comes back is told (spec §6).
///
/// A job's record holds all that matters of its past, so that a client is made whole from any
/// offset of the same epoch: by the record, not by a history.
package enum Recovery: Hashable, Sendable {
  /// It did not ask: it gets the record, and what follows.
  case fresh
  /// It has everything.
  case upToDate
  /// It lacks something, and gets the record as an event.
  case catchUp
  /// Its position is of another incarnation, or ahead of the stream: nothing it knows is valid.
  case lost

  /// What the client says it has.
  package struct Request: Hashable, Sendable {
    package var offset: UInt64
    /// Nil: any.
    package var epoch: String?

    package init(offset: UInt64, epoch: String?) {
      self.offset = offset
      self.epoch = epoch
    }

    /// What stands for a position that could not be read: ahead of every stream, so that it is lost.
    package static let unreadable = Request(offset: .max, epoch: nil)
  }

  package init(of request: Request?, at top: StreamPosition) {
    self =
      switch request {
      case nil: .fresh
      case let request? where request.epoch != nil && request.epoch != top.epoch: .lost
      case let request? where request.offset > top.offset: .lost
      case let request? where request.offset == top.offset: .upToDate
      default: .catchUp
      }
  }
}

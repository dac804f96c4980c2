package import EventLoop

/// Who has something to write when the loop's turn ends.
@EventLoop
package protocol Flushable: AnyObject {
  func flush()
}

/// Gathers writers during a turn and lets each write once at its end: one system call a
/// connection, however many publications the turn brought.
@EventLoop
package final class FlushSchedule {
  private var waiting: ContiguousArray<any Flushable> = []
  /// Those being flushed; its room is that of the turn before.
  private var batch: ContiguousArray<any Flushable> = []
  private var turnEnd: TurnEnd?

  package init() {
    turnEnd = TurnEnd { [weak self] in self?.flushAll() }
  }

  /// The caller asks at most once before it is flushed. Who asks while others are flushed is flushed in the
  /// same turn.
  package func add(_ writer: any Flushable) { waiting.append(writer) }

  private func flushAll() {
    // The hub hands out what was published, and those who got it ask to write.
    while !waiting.isEmpty {
      swap(&waiting, &batch)
      for writer in batch { writer.flush() }
      batch.removeAll(keepingCapacity: true)
    }
  }
}

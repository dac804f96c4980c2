import DequeModule
package import EventLoop
package import Jobs

/// What a connection has yet to be sent, in order, bounded by what it watches.
///
/// A publication goes through an outbox only where something waits already, or several channels spoke at once.
///
/// Frames that must arrive (replies, state changes) are kept one by one. Of progress, once the
/// reader is behind, only the newest of each job or group is kept, in the place of the one it replaces; never
/// across a state change of it, so that the order of events is the order of offsets.
@EventLoop
package struct Outbox {
  /// Progress of one job or group in one subscription: what replaces what.
  package nonisolated struct ProgressKey: Hashable, Sendable {
    package var channel: Channel
    package var subject: Subject?

    package init(channel: Channel, subject: Subject?) {
      self.channel = channel
      self.subject = subject
    }

    @EventLoop
    package init(of publication: Publication) {
      self.init(channel: publication.channel, subject: publication.subject)
    }
  }

  private struct Entry {
    var frame: PreparedFrame
    var isProgress: Bool
    var counters: DeliveryCounters?
  }

  private var entries: Deque<Entry> = []
  /// The number, counted from the first ever, of the entry at the front.
  private var firstNumber = 0
  /// Where the progress that may be replaced stands, by number.
  private var replaceable: [ProgressKey: Int] = [:]

  /// Bytes that wait.
  package private(set) var byteCount = 0
  /// Bytes of frames that must arrive.
  package private(set) var mustDeliverByteCount = 0
  /// Frames that must arrive: how many were added and how many were taken, ever. The difference
  /// tells whether a reader gets anywhere.
  package private(set) var mustDeliverAdded = 0
  package private(set) var mustDeliverTaken = 0
  /// Progress frames that newer ones made superfluous, ever.
  package private(set) var conflatedCount = 0

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }
  package var count: Int { entries.count }

  /// Adds a frame that must arrive.
  package mutating func append(_ frame: PreparedFrame, countedBy counters: DeliveryCounters? = nil) {
    entries.append(Entry(frame: frame, isProgress: false, counters: counters))
    byteCount += frame.bytes.count
    mustDeliverByteCount += frame.bytes.count
    mustDeliverAdded += 1
  }

  /// Adds a state change: it must arrive, and progress that came before it stays before it.
  package mutating func append(
    stateChange frame: PreparedFrame, of key: ProgressKey, countedBy counters: DeliveryCounters? = nil
  ) {
    if !replaceable.isEmpty { replaceable[key] = nil }
    append(frame, countedBy: counters)
  }

  /// Adds progress; with `isConflating`, in place of older progress of the same job that waits.
  package mutating func append(
    progress frame: PreparedFrame, of key: @autoclosure () -> ProgressKey, isConflating: Bool,
    countedBy counters: DeliveryCounters? = nil
  ) {
    if isConflating {
      let key = key()
      if let number = replaceable[key], number >= firstNumber {
        let old = entries[number - firstNumber].frame
        entries[number - firstNumber].frame = frame
        byteCount += frame.bytes.count - old.bytes.count
        conflatedCount += 1
        counters?.census.conflated += 1
        return
      }
      replaceable[key] = firstNumber + entries.count
    }
    entries.append(Entry(frame: frame, isProgress: true, counters: counters))
    byteCount += frame.bytes.count
  }

  /// Adds a publication in the form that `frame` gives it: progress or a state change. `isConflating` is asked for
  /// progress alone.
  package mutating func append(
    _ publication: Publication, as frame: PreparedFrame, isConflating: @autoclosure () -> Bool,
    countedBy counters: DeliveryCounters? = nil
  ) {
    if publication.isProgress {
      append(
        progress: frame, of: ProgressKey(of: publication), isConflating: isConflating(), countedBy: counters)
    } else {
      append(stateChange: frame, of: ProgressKey(of: publication), countedBy: counters)
    }
  }

  /// Takes the one frame that waits, if it is one: what happens in most turns, without an array.
  package mutating func takeOnly() -> PreparedFrame? {
    guard entries.count == 1 else { return nil }
    let entry = entries.removeFirst()
    firstNumber += 1
    byteCount = 0
    entry.counters?.census.delivered += 1
    if !entry.isProgress {
      mustDeliverByteCount = 0
      mustDeliverTaken += 1
    }
    if !replaceable.isEmpty { replaceable.removeAll() }
    return entry.frame
  }

  /// Takes frames from the front: at least one if there is any, at most `limit` bytes otherwise.
  package mutating func takeBatch(limit: Int) -> [PreparedFrame] {
    var batch: [PreparedFrame] = []
    var size = 0
    while let entry = entries.first {
      let bytes = entry.frame.bytes.count
      if !batch.isEmpty, size + bytes > limit { break }
      entries.removeFirst()
      firstNumber += 1
      size += bytes
      byteCount -= bytes
      entry.counters?.census.delivered += 1
      if !entry.isProgress {
        mustDeliverByteCount -= bytes
        mustDeliverTaken += 1
      }
      batch.append(entry.frame)
    }
    if entries.isEmpty, !replaceable.isEmpty { replaceable.removeAll() }
    return batch
  }

  /// Takes frames from the front as messages of up to sixteen objects, for a reader that is behind: fewer
  /// messages are less work for it (spec §1). At least one if there is any, at most `limit` bytes otherwise.
  package mutating func takeMerged(limit: Int) -> [PreparedFrame] {
    let batch = takeBatch(limit: limit)
    guard batch.count > 1 else { return batch }
    return stride(from: 0, to: batch.count, by: Self.mostMerged).map { start in
      let frames = batch[start..<min(start + Self.mostMerged, batch.count)]
      return frames.count == 1 ? frames[start] : PreparedFrame(merging: frames)
    }
  }

  /// Bytes that are handed to a socket in one call.
  package nonisolated static let mostAtOnce = 64 << 10

  /// Objects in one message.
  private static let mostMerged = 16

  /// Forgets everything that waits.
  package mutating func removeAll() {
    firstNumber += entries.count
    entries.removeAll()
    replaceable.removeAll()
    byteCount = 0
    mustDeliverByteCount = 0
    mustDeliverTaken = mustDeliverAdded
  }
}

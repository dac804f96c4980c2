/// Which of two jobs of the same priority goes first.
package enum QueueOrder: String, Hashable, Sendable, CaseIterable {
  /// The one accepted first.
  case fifo
  /// The one accepted last.
  case lifo
}

/// Where a job stands in its queue: the lowest number is next.
///
/// One number holds strict priorities, both orders, ageing and fairness, so that a queue is a single
/// sorted set. With `base` the job's place among its like (``base(of:order:)``, or its virtual time in a fair
/// queue) the score is `base − priority · step`. Strict priorities have a step of ``bandStep``: ten
/// bands that never overlap, with |score| below 2^53, where Redis's doubles are exact. Ageing makes
/// the step a head start in microseconds instead. The Lua scripts compute the same (`score.lua`).
package struct QueueScore: Hashable, Sendable, Comparable {
  package let value: Int64

  /// 12.7 years of microseconds: no place of one order reaches into the other's.
  package static let half: Int64 = 400_000_000_000_000
  /// The width of a priority's band where priorities are strict.
  package static let bandStep: Int64 = 2 * half

  /// The place of a job with the number `sequence` (microseconds since 2025) among those of its
  /// priority: behind what is there, or in LIFO order before it.
  package static func base(of sequence: Int64, order: QueueOrder) -> Int64 {
    order == .fifo ? half + sequence : half - sequence
  }

  /// `ageing` is the head start of each priority level; nil for strict priorities.
  package init(base: Int64, priority: Priority, ageing: Duration?) {
    let step = ageing.map { $0.milliseconds * 1000 } ?? Self.bandStep
    value = base - Int64(priority.level) * step
  }

  /// The score of the same job at another priority: a level is worth what it was when the job was accepted.
  func moved(from old: Priority, to new: Priority, base: Int64) -> QueueScore {
    let step = (base - value) / Int64(old.level)
    return QueueScore(value: base - Int64(new.level) * step)
  }

  /// The head start of a priority level in the score of a job; zero for strict priorities.
  func ageing(of priority: Priority, base: Int64) -> Duration {
    let step = (base - value) / Int64(priority.level)
    return step == Self.bandStep ? .zero : .microseconds(step)
  }

  /// A score that was computed before.
  init(value: Int64) { self.value = value }

  package static func < (a: QueueScore, b: QueueScore) -> Bool { a.value < b.value }
}

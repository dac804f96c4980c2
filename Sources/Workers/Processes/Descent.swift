import Foundation

/// Which numbers the descendants of a process can have.
///
/// The kernel gives numbers out in order and begins anew at the end of their range. So a descendant's
/// is above its ancestor's, unless the range was run through since: then it may be any. This spares
/// the reading of every process of the machine after every run.
struct Descent: Hashable, Sendable {
  /// How far the kernel has come in giving out numbers.
  struct Position: Hashable, Sendable {
    /// Processes and threads started since the machine was; each took a number.
    var started: Int
    /// The number given out last.
    var last: pid_t
    /// Numbers stay below this.
    var limit: pid_t
  }

  let ancestor: pid_t
  /// How far the kernel had come before the ancestor was started; nil where it does not tell.
  let before: Position?

  /// Whether a process that was seen no later than at `now` may be a descendant by its number.
  func mayHold(_ process: pid_t, at now: Position?) -> Bool {
    process != ancestor && (process > ancestor || !isInOrder(at: now))
  }

  /// Whether the range surely did not end since. Numbers in use are skipped, and so a round needs
  /// fewer starts than there are numbers: half as many leaves room for half of them in use.
  private func isInOrder(at now: Position?) -> Bool {
    guard let before, let now, now.last >= ancestor else { return false }
    return (1..<Int(now.limit / 2)).contains(now.started - before.started)
  }
}

/// A place in a job's stream of events: `offset` counts its events from 1, `epoch` names the
/// incarnation of the job in which they were counted.
///
/// Offsets grow and may skip; they are only comparable within one epoch.
package struct StreamPosition: Hashable, Sendable {
  package var offset: UInt64
  /// Eight hexadecimal digits, drawn when the job is accepted.
  package var epoch: String

  package init(offset: UInt64, epoch: String) {
    self.offset = offset
    self.epoch = epoch
  }

  /// The epoch of a new job.
  package static func newEpoch() -> String {
    let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

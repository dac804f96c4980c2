/// The times by which a worker keeps its leases.
package struct LeaseTiming: Hashable, Sendable {
  /// How long a lease lasts, if not renewed.
  package var lease: Duration
  /// How often leases are renewed.
  package var beat: Duration
  /// How long before a lease's end a run that could not renew is killed.
  package var margin: Duration

  /// With no `beat` given it is a third of the lease: a renewal may fail once and still be repeated in time. With
  /// no `margin` given it is one beat, at most a third of the lease.
  package init(
    lease: Duration = .seconds(30), beat: Duration? = nil, margin: Duration? = nil
  ) {
    self.lease = lease
    self.beat = beat ?? lease / 3
    self.margin = margin ?? min(self.beat, lease / 3)
  }

  /// How soon a renewal that failed is tried again.
  var retry: Duration { min(beat / 4, .seconds(2)) }

  /// How often ``Heartbeat/tick(at:)`` must be called.
  var tick: Duration { max(min(retry, margin) / 2, .milliseconds(5)) }
}

/// When a job may begin.
package enum JobStart: Hashable, Sendable {
  case now
  /// This long after its acceptance, by the broker's clock.
  case after(Duration)
  /// Not before this moment; one that has passed is `now`.
  case at(Timestamp)
}

/// What becomes of a job when one that it depends on does not complete.
package enum ParentFailureRule: String, Hashable, Sendable, CaseIterable {
  /// It is cancelled, with the code `parent_failed`; and so are those that depend on it.
  case cancel
  /// It fails, with the code `parent_failed`.
  case fail
  /// It runs all the same, once all have ended.
  case run
}

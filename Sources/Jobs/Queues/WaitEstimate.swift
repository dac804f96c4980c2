/// How long a queued job is likely to wait yet: a range, because run times vary.
package struct WaitEstimate: Hashable, Sendable {
  package var least: Duration
  package var most: Duration

  package init(least: Duration, most: Duration) {
    self.least = least
    self.most = most
  }

  /// How few measured runs say nothing.
  package static let fewestSamples = 5

  /// For the job at `position` (1 is next) when `slots` jobs run side by side and runs took `run`
  /// lately: the rounds ahead of it, at the quick and at the slow quarter of runs. Nil when fewer
  /// than ``fewestSamples`` runs were measured or nothing can run.
  package init?(position: Int, slots: Int, run: DurationHistogram) {
    guard position > 0, slots > 0, run.count >= Self.fewestSamples,
      let quick = run.percentile(0.25), let slow = run.percentile(0.75)
    else { return nil }
    // Whoever is next waits for a running job to end: between nothing and a whole run.
    let ahead = Double(position - 1) / Double(slots)
    least = quick * ahead
    most = slow * (ahead + 1)
  }
}

/// What a worker learns with a progress report.
package struct ReportAnswer: Hashable, Sendable {
  package var standing: LeaseStanding
  /// How many listened to the job or to its user at that moment: gateways with watchers where nodes share a Redis, of
  /// which each counts for both channels once, however many browsers it serves; watchers in an embedded broker. Of
  /// a lost lease 0.
  package var listeners: Int

  package init(_ standing: LeaseStanding, listeners: Int = 0) {
    self.standing = standing
    self.listeners = listeners
  }

  /// Whether anybody heard the report. A hint: who comes later is told the record, which has the report.
  package var isWatched: Bool { listeners > 0 }
}

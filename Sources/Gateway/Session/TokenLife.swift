import FoundationEssentials

/// When the holder of a token is warned and when it has to go, decided as a value.
struct TokenLife: Hashable {
  private let expiresAt: Date
  private let warnsAt: Date
  private let grace: Duration

  /// `warning` before the expiry, but not before half of the token's life is over: from when it was issued, or is
  /// shown where it does not say. Zero: no warning.
  init(of identity: Identity, shownAt now: Date, warning: Duration, grace: Duration) {
    expiresAt = identity.expiresAt
    self.grace = grace
    let life = expiresAt.timeIntervalSince(identity.issuedAt ?? now)
    let lead = min(warning / .seconds(1), max(0, life / 2))
    warnsAt = expiresAt.addingTimeInterval(-lead)
  }

  /// Nil where there is nothing to warn of: the moment has passed, and whoever shows a token is told its end anyway.
  func untilWarning(at now: Date) -> Duration? {
    guard warnsAt < expiresAt, warnsAt > now else { return nil }
    return .seconds(warnsAt.timeIntervalSince(now))
  }

  /// Until the end of the grace.
  func untilEnd(at now: Date) -> Duration { .seconds(expiresAt.timeIntervalSince(now)) + grace }
}

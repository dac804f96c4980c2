/// The time of values that are handed their clock: since some moment, never turned back.
enum Uptime {
  private static let reference = ContinuousClock.now

  static var now: Duration { ContinuousClock.now - reference }
}

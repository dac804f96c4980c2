import Jobs

/// A user's requests at this node: how often they come, and those that were counted before they were made.
///
/// Who asks every second is counted by the broker for several seconds at once. Decided as a value.
struct RequestAllowance {
  /// How long requests that were counted ahead may be made, and the span that expectations are made of.
  static let lead = Duration.seconds(10)
  /// The most that are counted at once.
  static let most = 16

  private var spanBegan: ContinuousClock.Instant
  private var inSpan = 0
  private var inSpanBefore = 0
  /// What is left of those counted ahead, until when they may be made, and how the user stood without them.
  private var left = 0
  private var counted: (at: ContinuousClock.Instant, standing: BudgetStanding)?

  init(at now: ContinuousClock.Instant) { spanBegan = now }

  /// Whether it says anything of the requests to come.
  func isInForce(at now: ContinuousClock.Instant) -> Bool { now - spanBegan < Self.lead * 2 }

  /// A request comes: how it stands if it was counted ahead, else nil.
  mutating func request(at now: ContinuousClock.Instant) -> BudgetStanding? {
    let span = now - spanBegan
    if span >= Self.lead {
      inSpanBefore = span < Self.lead * 2 ? inSpan : 0
      inSpan = 0
      spanBegan = now
    }
    inSpan += 1
    guard left > 0, var standing = standing(at: now) else { return nil }
    left -= 1
    standing.remaining -= 1
    return standing
  }

  /// How the user stands by what was counted ahead, those not made yet being free; nil where there are none.
  func standing(at now: ContinuousClock.Instant) -> BudgetStanding? {
    guard left > 0, let counted, now - counted.at < Self.lead else { return nil }
    var standing = counted.standing
    standing.remaining += left
    standing.retryAfter = max(.zero, standing.retryAfter - (now - counted.at))
    return standing
  }

  /// How many are to be counted at once with the request in hand, given the limit: as many as came in the last span,
  /// and of small limits one.
  func expected(of limit: Int) -> Int { max(1, min(inSpanBefore, limit / 16, Self.most)) }

  /// So many were counted by a question that left at `asked`, the request in hand among them.
  mutating func count(_ number: Int, _ standing: BudgetStanding, asked: ContinuousClock.Instant) {
    guard number > 1 else { return }
    left = number - 1
    counted = (asked, standing)
  }
}

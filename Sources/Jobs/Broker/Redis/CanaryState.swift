/// Whether what is published on one connection comes back on another in time, decided as a value.
///
/// A canary goes out every second. One that is not back within the patience is late: nothing that is published is sure
/// to arrive. If Redis had taken it, and there was time since, the subscriber connection is at fault and is to be made
/// anew; one that Redis has not even taken says that Redis itself stands still, and then nothing is lost: what it
/// publishes later arrives in order. A path that is always slow is not torn down again and again: each time in a row the
/// patience with it doubles.
struct CanaryState {
  /// What a tick asks for.
  struct Step: Equatable {
    /// The canary to publish.
    var publish: Int
    /// The subscriber connection delivers nothing, and is to be made anew first.
    var dropsConnection = false
  }

  private struct Flight {
    let number: Int
    let left: Duration
    var taken: Duration?
  }

  /// The longest that a connection is given after others were dropped.
  private static let longest = Duration.seconds(30)

  private let patience: Duration
  /// How long a canary that Redis took may stay away before the connection is dropped.
  private var endurance: Duration
  private var flights: [Flight] = []
  private var last = 0
  /// Whether what is published may not arrive at present.
  private(set) var isLate = false
  /// How long the last canary took; nil before the first is back.
  private(set) var delay: Duration?

  init(patience: Duration = .seconds(3)) {
    self.patience = patience
    endurance = patience
  }

  /// The next canary's time has come. Times are of a clock that only grows.
  mutating func tick(at now: Duration) -> Step {
    if let oldest = flights.first, now - oldest.left >= patience { isLate = true }
    let isDeaf = flights.contains { flight in flight.taken.map { now - $0 >= endurance } ?? false }
    if isDeaf {
      endurance = min(endurance * 2, max(Self.longest, patience))
      flights = []
    }
    last += 1
    flights.append(Flight(number: last, left: now))
    return Step(publish: last, dropsConnection: isDeaf)
  }

  /// Redis has taken a canary.
  mutating func taken(_ number: Int, at now: Duration) {
    guard let index = flights.firstIndex(where: { $0.number == number }) else { return }
    flights[index].taken = now
  }

  /// Redis could not be told: nothing can be said of the way back.
  mutating func failed(_ number: Int) { flights.removeAll { $0.number == number } }

  /// A canary came back.
  mutating func arrived(_ number: Int, at now: Duration) {
    guard let flight = flights.first(where: { $0.number == number }) else { return }
    let delay = now - flight.left
    self.delay = delay
    flights.removeAll { $0.number <= number }
    isLate = flights.first.map { now - $0.left >= patience } ?? false
    if delay < patience { endurance = patience }
  }

  /// The subscriber connection was lost: what is under way on it is no more.
  mutating func connectionLost() { flights = [] }
}

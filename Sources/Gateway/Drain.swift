package import EventLoop

/// What of a gateway has to end when the gateway goes, besides its sockets: event streams and long polls.
///
/// Each enters while it is open, and is told once to end, at a random moment of the time that is given for it: those
/// who leave together would arrive elsewhere together.
@EventLoop
package final class Drain {
  /// One that has entered; to be given back by ``Drain/leave(_:)``, which is harmless afterwards.
  package struct Ticket: Hashable, Sendable {
    fileprivate let number: Int
  }

  private let wheel: TimerWheel
  private let clock = ContinuousClock()
  private var ends: [Int: @EventLoop () -> Void] = [:]
  private var entered = 0
  private var deadline: ContinuousClock.Instant?
  private var whenEmpty: [LoopContinuation<Void>] = []

  package init(wheel: TimerWheel) { self.wheel = wheel }

  /// Whether everything is being asked away.
  package var isUnderWay: Bool { deadline != nil }

  /// How many are open.
  package var count: Int { ends.count }

  /// `end` is called once when the gateway goes, unless it was left before; soon, where it is going already.
  package func enter(_ end: @escaping @EventLoop () -> Void) -> Ticket {
    entered += 1
    ends[entered] = end
    if isUnderWay { askAway(entered) }
    return Ticket(number: entered)
  }

  /// It has ended.
  package func leave(_ ticket: Ticket) { remove(ticket.number) }

  /// Asks all away within `period`. Called again it ends at once who is left.
  package func begin(over period: Duration) {
    let isRepeated = isUnderWay
    deadline = isRepeated ? clock.now : clock.now + period
    for number in ends.keys.sorted() {
      if isRepeated || period <= .zero { end(number) } else { askAway(number) }
    }
  }

  /// A random moment of what is left of the time.
  package var moment: Duration {
    guard let deadline else { return .zero }
    return max(.zero, deadline - clock.now) * Double.random(in: 0...1)
  }

  /// Returns when nobody is left.
  package func untilEmpty() async {
    guard !ends.isEmpty else { return }
    await EventLoop.suspend { whenEmpty.append($0) }
  }

  private func askAway(_ number: Int) {
    wheel.schedule(after: moment) { [weak self] in self?.end(number) }
  }

  private func end(_ number: Int) {
    guard let end = ends[number] else { return }
    remove(number)
    end()
  }

  private func remove(_ number: Int) {
    guard ends.removeValue(forKey: number) != nil, ends.isEmpty else { return }
    for waiter in whenEmpty { waiter.resume() }
    whenEmpty = []
  }
}

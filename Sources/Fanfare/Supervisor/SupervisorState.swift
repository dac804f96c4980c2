/// What a supervisor knows of its processes, and what is to be done next.
///
/// A process is a number that is never given again. On each seat serves one; while it is replaced it has a successor,
/// and when that is ready it is told to leave. So at any time as many accept as there are seats, but for those that
/// have died.
///
/// The end has two steps: all finish their work, and only when the last one has does any ask its sockets away. So
/// who watches a job at one process still sees how it ends at another.
struct SupervisorState {
  enum Action: Hashable {
    /// Start this process on this seat.
    case start(Int, seat: Int)
    /// Ask again, by ``startIsDue(seat:)``, after a while.
    case startLater(seat: Int, after: Duration)
    case handOver(Int)
    case finishWork(Int)
    /// Tell by ``workIsOverdue()`` when the time for the work is over.
    case limitWork
    case end(Int)
    /// All have been told to end, and accept no more: whoever comes is to be refused, and not to wait for nobody.
    case refuse
    case kill(Int)
    /// Every seat has a process that serves, for the first time.
    case announce
    /// A successor serves on this seat.
    case replaced(seat: Int)
    case reloaded(ReloadOutcome)
    case finish(Ending)
  }

  enum ReloadOutcome: Hashable {
    case done
    /// The process that was to take this seat did not come to serve; those after it were not replaced.
    case failed(seat: Int, reason: String)
    case refused(String)
  }

  enum Ending: Hashable {
    case inOrder
    /// A process could not start when all began, or did not end as it should.
    case failed(String)
  }

  private enum Phase {
    case opening, serving
    case ending(Ending)
  }

  private struct Place {
    var process: Int?
    var isReady = false
    var successor: Int?
    /// How often in a row a process ended soon after its start.
    var quickDeaths = 0
  }

  private var phase = Phase.opening
  private var places: [Place]
  /// Told to leave, and not gone yet.
  private var leaving: Set<Int> = []
  /// Have no job in hand any more, and take none.
  private var idle: Set<Int> = []
  /// Told to finish their work, and not to end yet.
  private var finishing: Set<Int> = []
  private var reload: Reload?
  private var started = 0
  private var isStopped = false

  private struct Reload {
    /// Those that it replaced and that are not gone yet.
    var leaving: Set<Int> = []
    var hasReplacedAll = false
  }

  /// A process that has served for so long has not died at once.
  static let longEnough = Duration.seconds(10)
  static let longestPause = Duration.seconds(10)

  init(seats: Int) { places = Array(repeating: Place(), count: seats) }

  /// Everything that runs.
  var processes: [Int] {
    (places.flatMap { [$0.process, $0.successor].compactMap { $0 } } + leaving).sorted()
  }

  /// Whether this process is one that is to take the place of another.
  func isSuccessor(_ process: Int) -> Bool { places.contains { $0.successor == process } }

  /// The first seat begins alone: what is made once, and what is wrong with the configuration, shows there.
  mutating func begin() -> [Action] { [start(on: 0)] }

  /// A process accepts connections.
  mutating func isReady(_ process: Int) -> [Action] {
    guard let seat = places.firstIndex(where: { $0.process == process || $0.successor == process })
    else { return [] }
    if case .ending = phase { return [] }
    if places[seat].successor == process { return replaced(on: seat) }
    places[seat].isReady = true
    guard case .opening = phase else { return [] }
    if seat == 0 {
      let others = places.indices.dropFirst().map { start(on: $0) }
      guard others.isEmpty else { return others }
    }
    guard places.allSatisfy(\.isReady) else { return [] }
    phase = .serving
    return [.announce]
  }

  /// A process has ended, `lived` after its start.
  mutating func hasEnded(_ process: Int, reason: String, lived: Duration, inOrder: Bool) -> [Action] {
    let hasLeft = leaving.remove(process) != nil
    idle.remove(process)
    finishing.remove(process)
    reload?.leaving.remove(process)
    let seat = places.firstIndex { $0.process == process || $0.successor == process }
    let wasSuccessor = seat.map { places[$0].successor == process } ?? false
    if let seat {
      if wasSuccessor {
        places[seat].successor = nil
      } else {
        (places[seat].process, places[seat].isReady) = (nil, false)
      }
    }
    switch phase {
    case .opening:
      phase = .ending(.failed(reason))
      return processes.map { .end($0) } + finishIfEmpty()
    case .ending(.inOrder) where !inOrder: phase = .ending(.failed(reason))
    case .ending: break
    case .serving:
      if hasLeft { return finishReload() }
      guard let seat else { preconditionFailure("a process ended that was never started") }
      if wasSuccessor { return reloadFailed(on: seat, reason) }
      return places[seat].successor == nil ? startAgain(on: seat, lived: lived) : []
    }
    return endIfIdle() + finishIfEmpty()
  }

  /// A process that was told to leave or to end has no job in hand any more.
  mutating func workIsDone(by process: Int) -> [Action] {
    idle.insert(process)
    // Told by somebody else, or to leave: it waits for nobody's work but its own.
    if finishing.isEmpty { return leaving.contains(process) ? [] : [.end(process)] }
    return endIfIdle()
  }

  /// The time for the work is over: whoever is not done yet goes on, and holds up nobody.
  mutating func workIsOverdue() -> [Action] {
    idle.formUnion(finishing)
    return endIfIdle()
  }

  /// The pause of a seat is over.
  mutating func startIsDue(seat: Int) -> [Action] {
    guard case .serving = phase, places[seat].process == nil, places[seat].successor == nil else { return [] }
    return [start(on: seat)]
  }

  /// Every process is to be replaced, one seat after the other.
  mutating func reloadIsAsked() -> [Action] {
    guard case .serving = phase else { return [.reloaded(.refused("it is still starting, or ending"))] }
    guard reload == nil else { return [.reloaded(.refused("another reload is under way"))] }
    reload = Reload()
    return [startSuccessor(on: 0)]
  }

  /// All are to end in order; asked again, at once.
  mutating func stop() -> [Action] {
    if isStopped { return processes.map { .kill($0) } }
    isStopped = true
    var actions: [Action] = []
    if reload != nil {
      reload = nil
      actions.append(.reloaded(.refused("it ends")))
    }
    if case .ending = phase { return actions + processes.map { .end($0) } + finishIfEmpty() }
    phase = .ending(.inOrder)
    // Who does not serve yet has no job, and nobody who watches one.
    finishing = leaving.union(places.filter(\.isReady).compactMap(\.process))
    actions += processes.map { finishing.contains($0) ? .finishWork($0) : .end($0) }
    actions += endIfIdle()
    return actions + (finishing.isEmpty ? finishIfEmpty() : [.limitWork])
  }

  // MARK: Steps

  private mutating func start(on seat: Int) -> Action {
    started += 1
    places[seat].process = started
    places[seat].isReady = false
    return .start(started, seat: seat)
  }

  private mutating func startSuccessor(on seat: Int) -> Action {
    started += 1
    places[seat].successor = started
    return .start(started, seat: seat)
  }

  /// The successor serves: whoever was there goes.
  private mutating func replaced(on seat: Int) -> [Action] {
    var actions = [Action.replaced(seat: seat)]
    if let old = places[seat].process {
      leaving.insert(old)
      reload?.leaving.insert(old)
      actions.append(.handOver(old))
    }
    places[seat] = Place(process: places[seat].successor, isReady: true)
    let next = seat + 1
    if next < places.count {
      actions.append(startSuccessor(on: next))
    } else {
      reload?.hasReplacedAll = true
    }
    return actions + finishReload()
  }

  private mutating func finishReload() -> [Action] {
    guard let reload, reload.hasReplacedAll, reload.leaving.isEmpty else { return [] }
    self.reload = nil
    return [.reloaded(.done)]
  }

  private mutating func reloadFailed(on seat: Int, _ reason: String) -> [Action] {
    reload = nil
    let outcome = Action.reloaded(.failed(seat: seat, reason: reason))
    // Who served before goes on; but it may have died meanwhile.
    return [outcome] + (places[seat].process == nil ? startAgain(on: seat, lived: .zero) : [])
  }

  /// At once the first time: those who wait in the seat's queue wait for it.
  private mutating func startAgain(on seat: Int, lived: Duration) -> [Action] {
    if lived >= Self.longEnough { places[seat].quickDeaths = 0 }
    let deaths = places[seat].quickDeaths
    places[seat].quickDeaths += 1
    guard deaths > 0 else { return [start(on: seat)] }
    let pause = min(Self.longestPause, .milliseconds(100) * (1 << min(deaths - 1, 10)))
    return [.startLater(seat: seat, after: pause)]
  }

  /// The second step of the end, once the last one has finished its work.
  private mutating func endIfIdle() -> [Action] {
    guard !finishing.isEmpty, finishing.isSubset(of: idle) else { return [] }
    defer { finishing = [] }
    return finishing.sorted().map { .end($0) } + [.refuse]
  }

  private func finishIfEmpty() -> [Action] {
    guard case .ending(let ending) = phase, processes.isEmpty else { return [] }
    return [.finish(ending)]
  }
}

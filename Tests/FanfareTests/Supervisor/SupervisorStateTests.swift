import Testing

@testable import Fanfare

@Suite("A supervisor's state") struct SupervisorStateTests {
  typealias Action = SupervisorState.Action

  /// A state in which each of so many seats has a process, numbered from 1 in their order.
  private func serving(_ seats: Int) -> SupervisorState {
    var state = SupervisorState(seats: seats)
    _ = state.begin()
    for process in 1...seats { _ = state.isReady(process) }
    return state
  }

  /// A process that is killed.
  private func killed(
    _ process: Int, in state: inout SupervisorState, after lived: Duration = .seconds(60)
  ) -> [Action] {
    state.hasEnded(process, reason: "killed", lived: lived, inOrder: false)
  }

  private func left(_ process: Int, in state: inout SupervisorState) -> [Action] {
    state.hasEnded(process, reason: "left", lived: .seconds(60), inOrder: true)
  }

  @Test("starts the first seat alone, then all others, and announces when each has a process that serves")
  func opening() {
    var state = SupervisorState(seats: 3)
    #expect(state.begin() == [.start(1, seat: 0)])
    #expect(state.isReady(1) == [.start(2, seat: 1), .start(3, seat: 2)])
    #expect(state.isReady(3) == [])
    #expect(state.isReady(2) == [.announce])
  }

  @Test("ends it all, with what was said, where a process cannot start when all begins", arguments: [1, 2, 3])
  func openingFails(_ process: Int) {
    var state = SupervisorState(seats: 3)
    _ = state.begin()
    if process > 1 { _ = state.isReady(1) }
    let others = (process == 1 ? [] : [1, 2, 3]).filter { $0 != process }
    let failed = SupervisorState.Action.finish(.failed("no key"))
    let actions = state.hasEnded(process, reason: "no key", lived: .zero, inOrder: false)
    #expect(actions == (others.isEmpty ? [failed] : others.map { .end($0) }))
    for other in others.dropLast() { #expect(left(other, in: &state) == []) }
    if let last = others.last { #expect(left(last, in: &state) == [failed]) }
  }

  @Test("starts a process again that died: at once the first time, then after longer and longer pauses")
  func backoff() {
    var state = serving(2)
    #expect(killed(2, in: &state) == [.start(3, seat: 1)])
    var process = 3
    for pause in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
      #expect(killed(process, in: &state, after: .zero) == [.startLater(seat: 1, after: .milliseconds(pause))])
      process += 1
      #expect(state.startIsDue(seat: 1) == [.start(process, seat: 1)])
      #expect(state.isReady(process) == [], "what is announced once is not announced again")
    }
    #expect(killed(process, in: &state) == [.start(process + 1, seat: 1)], "this one has served long enough")
    #expect(state.startIsDue(seat: 1) == [], "somebody is there")
  }

  @Test("replaces one process after the other, each when the one before it serves, and waits for those that go")
  func reload() {
    var state = serving(2)
    #expect(state.reloadIsAsked() == [.start(3, seat: 0)])
    #expect(state.isSuccessor(3) && !state.isSuccessor(1))
    #expect(state.reloadIsAsked() == [.reloaded(.refused("another reload is under way"))])
    #expect(state.isReady(3) == [.replaced(seat: 0), .handOver(1), .start(4, seat: 1)])
    #expect(left(1, in: &state) == [])
    #expect(state.isReady(4) == [.replaced(seat: 1), .handOver(2)])
    #expect(state.processes == [2, 3, 4])
    #expect(left(2, in: &state) == [.reloaded(.done)])
    #expect(state.reloadIsAsked() == [.start(5, seat: 0)])
  }

  @Test("lets the old process go on where the new one does not come to serve")
  func failedReload() {
    var state = serving(2)
    _ = state.reloadIsAsked()
    _ = state.isReady(3)
    let failed = state.hasEnded(4, reason: "no key", lived: .zero, inOrder: false)
    #expect(failed == [.reloaded(.failed(seat: 1, reason: "no key"))])
    #expect(state.processes == [1, 2, 3])
    #expect(left(1, in: &state) == [], "told already")
    #expect(state.reloadIsAsked() == [.start(5, seat: 0)])
  }

  @Test("puts the successor in the place of a process that dies meanwhile, and starts another where that fails too")
  func deathDuringReload() {
    var state = serving(1)
    _ = state.reloadIsAsked()
    #expect(killed(1, in: &state) == [], "its successor is on its way")
    #expect(state.isReady(2) == [.replaced(seat: 0), .reloaded(.done)])
    _ = state.reloadIsAsked()
    #expect(killed(2, in: &state) == [])
    #expect(
      killed(3, in: &state) == [.reloaded(.failed(seat: 0, reason: "killed")), .start(4, seat: 0)])
  }

  @Test("fills a seat by a reload that makes a pause, and nobody else then")
  func reloadDuringPause() {
    var state = serving(1)
    _ = killed(1, in: &state)
    _ = killed(2, in: &state, after: .zero)
    #expect(state.reloadIsAsked() == [.start(3, seat: 0)])
    #expect(state.startIsDue(seat: 0) == [])
    #expect(state.isReady(3) == [.replaced(seat: 0), .reloaded(.done)])
  }

  @Test("ends all that run, those that are only starting or leaving too, and at once when told again")
  func stop() {
    var state = serving(2)
    _ = state.reloadIsAsked()
    _ = state.isReady(3)
    // The fourth does not serve yet: it has nothing to finish.
    #expect(
      state.stop() == [
        .reloaded(.refused("it ends")), .finishWork(1), .finishWork(2), .finishWork(3), .end(4), .limitWork,
      ])
    #expect(state.reloadIsAsked() == [.reloaded(.refused("it is still starting, or ending"))])
    for process in [1, 4] { #expect(left(process, in: &state) == []) }
    #expect(state.isReady(2) == [])
    #expect(state.stop() == [.kill(2), .kill(3)])
    #expect(left(2, in: &state) == [])
    #expect(left(3, in: &state) == [.finish(.inOrder)])
  }

  enum Event: Hashable, CustomTestStringConvertible, Sendable {
    case done(Int), left(Int), killed(Int), overdue, stop

    var testDescription: String { "\(self)" }
  }

  @Test(
    "lets all finish their work before any asks its sockets away, whatever becomes of one",
    arguments: [
      [(.done(2), []), (.done(1), []), (.done(3), [.end(1), .end(2), .end(3), .refuse])],
      // Who dies, or ends by itself, holds up nobody, and is told nothing.
      [(.done(1), []), (.done(3), []), (.killed(2), [.end(1), .end(3), .refuse])],
      [(.killed(2), []), (.left(1), []), (.done(3), [.end(3), .refuse])],
      [(.left(3), []), (.left(1), []), (.killed(2), [.finish(.failed("killed"))])],
      // The time for it is over: the others do not wait any longer, and what is said later changes nothing.
      [(.done(1), []), (.overdue, [.end(1), .end(2), .end(3), .refuse]), (.left(3), [])],
      [(.done(1), []), (.done(2), []), (.done(3), [.end(1), .end(2), .end(3), .refuse]), (.overdue, [])],
      [(.done(1), []), (.done(1), []), (.stop, [.kill(1), .kill(2), .kill(3)])],
    ] as [[(Event, [Action])]])
  func work(_ steps: [(Event, [Action])]) {
    var state = serving(3)
    #expect(state.stop() == [.finishWork(1), .finishWork(2), .finishWork(3), .limitWork])
    for (event, actions) in steps {
      let answer =
        switch event {
        case .done(let process): state.workIsDone(by: process)
        case .left(let process): left(process, in: &state)
        case .killed(let process): killed(process, in: &state)
        case .overdue: state.workIsOverdue()
        case .stop: state.stop()
        }
      #expect(answer == actions, "\(event)")
    }
  }

  @Test("lets a process end that was told so by somebody else, and one that leaves do as it does")
  func workDoneUnasked() {
    var state = serving(2)
    #expect(state.workIsDone(by: 1) == [.end(1)])
    #expect(left(1, in: &state) == [.start(3, seat: 0)])
    _ = state.isReady(3)
    _ = state.reloadIsAsked()
    #expect(state.isReady(4) == [.replaced(seat: 0), .handOver(3), .start(5, seat: 1)])
    #expect(state.workIsDone(by: 3) == [])
    // It has nothing to finish when all end: only the second one is waited for.
    #expect(
      state.stop() == [
        .reloaded(.refused("it ends")), .finishWork(2), .finishWork(3), .finishWork(4), .end(5), .limitWork,
      ])
    #expect(state.workIsDone(by: 4) == [])
    #expect(state.workIsDone(by: 2) == [.end(2), .end(3), .end(4), .refuse])
  }

  @Test("ends at once where nothing runs, and as a failure where a process did not end in order")
  func endings() {
    var state = serving(1)
    _ = killed(1, in: &state)
    _ = killed(2, in: &state, after: .zero)
    #expect(state.stop() == [.finish(.inOrder)], "it made a pause")
    state = serving(1)
    _ = state.stop()
    #expect(killed(1, in: &state) == [.finish(.failed("killed"))])
    state = serving(1)
    _ = state.stop()
    #expect(state.workIsDone(by: 1) == [.end(1), .refuse])
    #expect(left(1, in: &state) == [.finish(.inOrder)])
  }
}

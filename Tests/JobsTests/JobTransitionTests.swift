import Jobs
import Testing

@Suite("The transitions of a job")
struct JobTransitionTests {
  /// Everything that may happen; what is not here may not.
  private static let table: [(JobTransition, from: JobState, to: JobState)] = [
    (.due, .scheduled, .queued),
    (.due, .blocked, .queued),
    (.due, .retrying, .queued),
    (.lease, .queued, .running),
    (.complete, .running, .completed),
    (.failRetryably, .running, .retrying),
    (.failFinally, .running, .failed),
    (.release, .running, .queued),
    (.lose, .running, .queued),
    (.loseFinally, .running, .failed),
    (.cancel, .scheduled, .cancelled),
    (.cancel, .blocked, .cancelled),
    (.cancel, .queued, .cancelled),
    (.cancel, .retrying, .cancelled),
    (.cancel, .running, .running),
    (.confirmCancel, .running, .cancelled),
  ]

  @Test("are those of the table, and no others", arguments: JobTransition.allCases, JobState.allCases)
  func table(_ transition: JobTransition, _ state: JobState) {
    let row = Self.table.first { $0.0 == transition && $0.from == state }
    #expect(transition.target(from: state) == row?.to)
  }

  @Test("lead nowhere from an end", arguments: JobState.allCases.filter(\.isTerminal))
  func ends(_ state: JobState) {
    #expect(JobTransition.allCases.allSatisfy { $0.target(from: state) == nil })
  }

  @Test("let every job come to an end", arguments: JobState.allCases.filter { !$0.isTerminal })
  func reachesEnd(_ state: JobState) {
    var reached: Set = [state]
    var before = 0
    while reached.count > before {
      before = reached.count
      for state in reached {
        reached.formUnion(JobTransition.allCases.compactMap { $0.target(from: state) })
      }
    }
    #expect(reached.isSuperset(of: [.completed, .failed, .cancelled]))
  }

  @Test("each state has a letter of its own", arguments: JobState.allCases)
  func letters(_ state: JobState) {
    #expect(JobState(letter: state.letter) == state)
    #expect(JobState.allCases.count { $0.letter == state.letter } == 1)
    #expect(JobState(letter: "?") == nil)
  }
}

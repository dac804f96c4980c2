import Jobs
import Testing

@Suite("The transitions of a job")
struct JobTransitionTests {
  /// Everything that may happen; what is not here may not.
  private static let table: [(JobTransition, from: JobState, to: JobState)] = [
    (.ready, .scheduled, .queued),
    (.ready, .blocked, .queued),
    (.ready, .retrying, .queued),
    (.park, .scheduled, .blocked),
    (.park, .blocked, .blocked),
    (.park, .retrying, .blocked),
    (.park, .queued, .blocked),
    (.wait, .blocked, .scheduled),
    (.lease, .queued, .running),
    (.complete, .running, .completed),
    (.failRetryably, .running, .retrying),
    (.failFinally, .running, .failed),
    (.release, .running, .queued),
    (.snooze, .running, .scheduled),
    (.lose, .running, .queued),
    (.loseFinally, .running, .failed),
    (.cancel, .scheduled, .cancelled),
    (.cancel, .blocked, .cancelled),
    (.cancel, .queued, .cancelled),
    (.cancel, .retrying, .cancelled),
    (.cancel, .running, .running),
    (.confirmCancel, .running, .cancelled),
    (.expire, .scheduled, .failed),
    (.expire, .blocked, .failed),
    (.expire, .queued, .failed),
    (.expire, .retrying, .failed),
    (.touch, .scheduled, .scheduled),
    (.touch, .blocked, .blocked),
    (.touch, .queued, .queued),
    (.touch, .running, .running),
    (.touch, .retrying, .retrying),
    (.retry, .completed, .queued),
    (.retry, .failed, .queued),
    (.retry, .cancelled, .queued),
    (.retryLater, .completed, .scheduled),
    (.retryLater, .failed, .scheduled),
    (.retryLater, .cancelled, .scheduled),
    (.retryParked, .completed, .blocked),
    (.retryParked, .failed, .blocked),
    (.retryParked, .cancelled, .blocked),
  ]

  @Test("are those of the table, and no others", arguments: JobTransition.allCases, JobState.allCases)
  func table(_ transition: JobTransition, _ state: JobState) {
    let row = Self.table.first { $0.0 == transition && $0.from == state }
    #expect(transition.target(from: state) == row?.to)
  }

  @Test("lead from an end only to a new run", arguments: JobState.allCases.filter(\.isTerminal))
  func ends(_ state: JobState) {
    let retries: Set<JobTransition> = [.retry, .retryLater, .retryParked]
    #expect(JobTransition.allCases.allSatisfy { $0.target(from: state) == nil || retries.contains($0) })
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

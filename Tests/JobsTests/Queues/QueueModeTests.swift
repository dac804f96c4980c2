import Jobs
import Testing

@Suite("What a queue does with jobs")
struct QueueModeTests {
  @Test(
    "says whether it takes and gives",
    arguments: [
      (QueueMode.active, takes: true, gives: true), (.paused, true, false), (.draining, false, false),
      (.drainingBacklog, false, true),
    ])
  func table(_ mode: QueueMode, _ takes: Bool, _ gives: Bool) {
    #expect(mode.accepts == takes)
    #expect(mode.serves == gives)
  }

  @Test("has a letter of its own", arguments: QueueMode.allCases)
  func letters(_ mode: QueueMode) {
    #expect(QueueMode(letter: mode.letter) == mode)
    #expect(QueueMode.allCases.count { $0.letter == mode.letter } == 1)
    #expect(QueueMode(letter: "?") == nil)
  }

  @Test("keeps ended jobs by the rule of their end")
  func retention() {
    var settings = QueueSettings()
    settings.completed.count = 1
    settings.failed.count = 2
    settings.cancelled.count = 3
    #expect([JobState.completed, .failed, .cancelled].map { settings.retention(of: $0).count } == [1, 2, 3])
    #expect(QueueSettings().completed.age == .seconds(86_400))
    #expect(QueueSettings().failed.age == .seconds(7 * 86_400))
  }
}

import Gateway
import Jobs
import Testing

@Suite("Introductions of jobs to a user's watchers") struct IntroductionsTests {
  private let id = JobID()

  private func event(_ offset: UInt64, _ kind: JobEvent.Class = .state, epoch: String = "e") -> JobEvent {
    JobEvent(
      class: kind, id: id, user: "u", position: StreamPosition(offset: offset, epoch: epoch),
      at: Timestamp(milliseconds: 1_780_000_000_000), state: .running, attempt: 1)
  }

  private func position(_ offset: UInt64) -> StreamPosition { StreamPosition(offset: offset, epoch: "e") }

  @Test("begin with the first event of a job, and hold what follows until the record is told")
  func order() {
    var introductions = Introductions()
    #expect(introductions.take(event(1)) == .introduce)
    #expect(introductions.take(event(2)) == .hold)
    #expect(introductions.take(event(3)) == .hold)
    #expect(introductions.introduced(id, at: position(2)) == [event(3)])
    #expect(introductions.take(event(4)) == .publish)
    #expect(introductions.introduced(id, at: position(4)) == nil, "it was introduced")
  }

  @Test("are for jobs that are new")
  func known() {
    var introductions = Introductions()
    #expect(introductions.take(event(5)) == .publish)
    #expect(introductions.take(event(6, .progress)) == .publish)
  }

  @Test("let everything out where there is no record, and what is of another epoch")
  func withoutRecord() {
    var introductions = Introductions()
    _ = introductions.take(event(1))
    _ = introductions.take(event(2))
    #expect(introductions.introduced(id, at: nil) == [event(1), event(2)])
    _ = introductions.take(event(1))
    _ = introductions.take(event(1, epoch: "f"))
    #expect(introductions.introduced(id, at: position(7)) == [event(1, epoch: "f")])
  }

  @Test("keep of progress the newest, and of all no more than so much")
  func bounds() {
    var introductions = Introductions(limit: 3)
    _ = introductions.take(event(1))
    for offset in 2...50 as ClosedRange<UInt64> {
      #expect(introductions.take(event(offset, .progress)) == .hold)
    }
    #expect(introductions.take(event(51)) == .hold)
    #expect(introductions.take(event(52)) == .release([event(1), event(50, .progress), event(51), event(52)]))
    #expect(introductions.introduced(id, at: position(52)) == nil)
    #expect(introductions.take(event(53)) == .publish)
  }

  @Test("are forgotten when nobody listens")
  func forgotten() {
    var introductions = Introductions()
    _ = introductions.take(event(1))
    introductions.forget()
    #expect(introductions.introduced(id, at: nil) == nil)
  }
}

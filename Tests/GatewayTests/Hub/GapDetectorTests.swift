import Gateway
import Jobs
import Testing

@Suite("A gap detector") struct GapDetectorTests {
  private let id = JobID()

  private func event(_ offset: UInt64, epoch: String = "e") -> JobEvent {
    JobEvent(
      class: .state, id: id, user: "u", position: StreamPosition(offset: offset, epoch: epoch),
      at: Timestamp(milliseconds: 1_780_000_000_000), state: .running, attempt: 1)
  }

  @Test("lets contiguous events through, from any first one")
  func contiguous() {
    var gap = GapDetector()
    #expect(gap.take(event(5)) == .publish)
    #expect(gap.take(event(6)) == .publish)
    #expect(gap.take(event(6)) == .drop)
    #expect(gap.take(event(4)) == .drop)
    #expect(gap.take(event(7)) == .publish)
  }

  @Test("holds what follows a hole until the record was read")
  func hole() {
    var gap = GapDetector()
    _ = gap.take(event(1))
    #expect(gap.take(event(3)) == .holdAndReadRecord)
    #expect(gap.take(event(4)) == .hold)
    #expect(gap.take(event(5)) == .hold)
    #expect(gap.continues(at: StreamPosition(offset: 4, epoch: "e")))
    gap.healed(at: StreamPosition(offset: 4, epoch: "e"))
    #expect(gap.release() == [event(5)])
    #expect(gap.take(event(6)) == .publish)
  }

  @Test("takes the first event after an interruption for one that follows others, where it has seen none")
  func interrupted() {
    var gap = GapDetector()
    #expect(gap.take(event(7), isAfterInterruption: true) == .holdAndReadRecord)
    #expect(gap.take(event(8)) == .hold)
    #expect(gap.continues(at: StreamPosition(offset: 7, epoch: "e")))
    gap.healed(at: StreamPosition(offset: 7, epoch: "e"))
    #expect(gap.release() == [event(8)])
    // Of one that has seen others it is known whether any are missing.
    #expect(gap.take(event(9), isAfterInterruption: true) == .publish)
  }

  @Test("lets another epoch through as the beginning of another stream, also while it heals")
  func epoch() {
    var gap = GapDetector()
    _ = gap.take(event(9))
    #expect(gap.take(event(1, epoch: "f")) == .publish)
    #expect(gap.take(event(2, epoch: "f")) == .publish)
    #expect(gap.take(event(5, epoch: "f")) == .holdAndReadRecord)
    #expect(gap.take(event(3, epoch: "g")) == .publish)
    #expect(gap.held.isEmpty && gap.release().isEmpty)
    #expect(gap.take(event(4, epoch: "g")) == .publish)
  }

  @Test("knows a record that was set back from one that goes on")
  func setBack() {
    var gap = GapDetector()
    func isContinued(_ offset: UInt64, _ epoch: String = "e") -> Bool {
      gap.continues(at: StreamPosition(offset: offset, epoch: epoch))
    }
    #expect(isContinued(1))
    _ = gap.take(event(5))
    #expect(isContinued(5) && isContinued(9) && isContinued(1, "f") && !isContinued(4))
    _ = gap.take(event(9))
    #expect(isContinued(5) && !isContinued(4), "what counts is what was published, not what is held")
    #expect(gap.held == [event(9)])
  }

  @Test("goes on from a record that was delivered unasked")
  func record() {
    var gap = GapDetector()
    _ = gap.take(event(1))
    gap.sawRecord(at: StreamPosition(offset: 8, epoch: "e"))
    #expect(gap.take(event(8)) == .drop)
    #expect(gap.take(event(9)) == .publish)
  }

  @Test("does not mind numbers that passed while nobody listened")
  func forgotten() {
    var gap = GapDetector()
    _ = gap.take(event(1))
    gap.forget()
    #expect(gap.take(event(20)) == .publish)
  }
}

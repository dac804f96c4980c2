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
    gap.healed(at: 4)
    #expect(gap.release() == [event(5)])
    #expect(gap.take(event(6)) == .publish)
  }

  @Test("takes another epoch for a hole")
  func epoch() {
    var gap = GapDetector()
    _ = gap.take(event(9))
    #expect(gap.take(event(1, epoch: "f")) == .holdAndReadRecord)
    gap.healed(at: 1)
    #expect(gap.release() == [])
    #expect(gap.take(event(2, epoch: "f")) == .publish)
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

import Gateway
import Jobs
import Testing

@Suite("Recovery") struct RecoveryTests {
  private static let top = StreamPosition(offset: 7, epoch: "e1")

  @Test(
    "is decided by the client's position",
    arguments: [
      (nil, Recovery.fresh),
      (Recovery.Request(offset: 7, epoch: "e1"), .upToDate),
      (Recovery.Request(offset: 7, epoch: nil), .upToDate),
      (Recovery.Request(offset: 6, epoch: "e1"), .catchUp),
      (Recovery.Request(offset: 0, epoch: nil), .catchUp),
      (Recovery.Request(offset: 0, epoch: "e1"), .catchUp),
      (Recovery.Request(offset: 8, epoch: "e1"), .lost),
      (Recovery.Request(offset: 7, epoch: "e2"), .lost),
      (Recovery.Request(offset: 0, epoch: "e2"), .lost),
      (.unreadable, .lost),
    ] as [(Recovery.Request?, Recovery)])
  func table(request: Recovery.Request?, expected: Recovery) {
    #expect(Recovery(of: request, at: Self.top) == expected)
  }
}

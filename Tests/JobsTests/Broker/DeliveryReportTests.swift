import Jobs
import Testing

@Suite("A delivery report") struct DeliveryReportTests {
  @Test("remembers so many interruptions as can be asked for, and counts them all")
  func memory() {
    var report = DeliveryReport()
    for second in 0..<DeliveryReport.memory + 50 {
      report.interrupted(at: Timestamp(milliseconds: Int64(second) * 1000))
    }
    #expect(report.interruptions == DeliveryReport.memory + 50)
    #expect(report.interruptions(since: Timestamp(milliseconds: 0)) == DeliveryReport.memory)
    #expect(report.interruptions(since: Timestamp(milliseconds: Int64(DeliveryReport.memory + 47) * 1000)) == 3)
    #expect(!report.hasEndedForOutput(since: Timestamp(milliseconds: 0)))
    report.endedForOutput(2, at: Timestamp(milliseconds: 5000))
    #expect(report.outputLimitLosses == 2)
    #expect(report.hasEndedForOutput(since: Timestamp(milliseconds: 5000)))
    #expect(!report.hasEndedForOutput(since: Timestamp(milliseconds: 5001)))
  }
}

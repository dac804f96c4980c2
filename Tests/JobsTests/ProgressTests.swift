import Jobs
import Testing

@Suite("Progress")
struct ProgressTests {
  @Test(
    "is kept in tenths, from 0 to 99.9",
    arguments: [
      (0, 0), (0.05, 0), (41.2, 412), (41.26, 412), (57.3, 573), (99.9, 999), (99.99, 999),
      (100, 999), (250, 999), (-5, 0), (Double.nan, 0), (.infinity, 999), (-.infinity, 0),
    ] as [(Double, Int)])
  func permille(_ percent: Double, _ expected: Int) {
    #expect(Progress(percent: percent).permille == expected)
  }

  @Test("reads back the same from every tenth", arguments: 0...999)
  func tenths(_ permille: Int) {
    #expect(Progress(percent: Double(permille) / 10).permille == permille)
  }

  @Test("counts the bytes of its texts")
  func byteCount() {
    #expect(Progress(percent: 5).byteCount == 0)
    #expect(Progress(stage: "é", message: "abc", details: .emptyObject).byteCount == 7)
  }
}

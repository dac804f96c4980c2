import Foundation
import Jobs
import Support
import Testing

@Suite("A histogram of durations")
struct DurationHistogramTests {
  @Test("has an edge at each quarter of a power of two")
  func edges() {
    #expect(DurationHistogram.bucket(of: .milliseconds(1)) == 0)
    for power in 0..<32 {
      #expect(DurationHistogram.bucket(of: .milliseconds(1 << power)) == min(127, power * 4))
    }
    for milliseconds in Array(2...20_000) + (0..<2000).map({ 20_000 + $0 * 1_000_003 }) {
      let bucket = DurationHistogram.bucket(of: .milliseconds(milliseconds))
      #expect(Double(milliseconds) >= pow(2, Double(bucket) / 4))
      #expect(Double(milliseconds) < pow(2, Double(bucket + 1) / 4))
    }
  }

  @Test("puts what is shorter or longer than all into the first and the last bucket")
  func bounds() {
    for duration in [Duration.zero, .microseconds(5), .microseconds(1999), .seconds(-5)] {
      #expect(DurationHistogram.bucket(of: duration) == 0)
    }
    for days in [50, 60, 10_000, 1_000_000] {
      #expect(DurationHistogram.bucket(of: .seconds(days * 86_400)) == 127)
    }
    #expect(DurationHistogram.bucket(of: .seconds(40 * 86_400)) == 126)
  }

  @Test("tells a duration to a tenth", arguments: [1, 2, 3, 7, 99, 1000, 1189, 1190, 59_999, 3_600_000, 86_399_999])
  func accuracy(_ milliseconds: Int) throws {
    var histogram = DurationHistogram()
    histogram.count(.milliseconds(milliseconds))
    let told = try #require(histogram.percentile(0.5))
    let error = abs(told / .milliseconds(milliseconds) - 1)
    #expect(error <= 0.1, "\(told)")
  }

  @Test("tells percentiles of many to a tenth", arguments: 1...5 as ClosedRange<UInt64>)
  func percentiles(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var histogram = DurationHistogram()
    var durations: [Int] = []
    for _ in 0..<1000 {
      let milliseconds = Int(pow(10, Double.random(in: 0...6, using: &random)))
      durations.append(milliseconds)
      histogram.count(.milliseconds(milliseconds))
    }
    durations.sort()
    #expect(histogram.count == 1000)
    for part in [0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 1] {
      let exact = durations[max(1, Int((part * 1000).rounded(.up))) - 1]
      let told = try #require(histogram.percentile(part))
      #expect(abs(told / .milliseconds(exact) - 1) <= 0.1, "seed \(seed), \(part): \(told) for \(exact) ms")
    }
  }

  @Test("counts what it is told, and adds up")
  func counting() {
    var one = DurationHistogram()
    #expect(one.percentile(0.5) == nil)
    #expect(one.count == 0)
    one.count(.milliseconds(1))
    one.count(bucket: 40, times: 3)
    var other = DurationHistogram(counts: [40: 2, 41: 1])
    other.add(one)
    #expect(other.counts == [0: 1, 40: 5, 41: 1])
    #expect(other.count == 7)
    #expect(other.percentile(0) == other.percentile(1.0 / 7))
    #expect(other.percentile(0.5) == DurationHistogram(counts: [40: 1]).percentile(1))
  }
}

@Suite("The statistics of queues")
struct QueueStatisticsTests {
  @Test("add up, and tell the part that completed")
  func sum() {
    var one = QueueStatistics(minutes: 60)
    #expect(one.successRate == nil)
    one.accepted = 5
    one.completed = 3
    one.failed = 1
    one.cancelled = 7
    one.retried = 2
    one.run.count(.seconds(1))
    #expect(one.successRate == 0.75)
    #expect(one.finished == 11)
    var two = one
    two.add(one)
    #expect(two.accepted == 10 && two.finished == 22 && two.retried == 4)
    #expect(two.run.count == 2 && two.wait.count == 0)
    #expect(two.minutes == 60 && two.successRate == 0.75)
  }
}

@Suite("How long a job is likely to wait")
struct WaitEstimateTests {
  /// Runs of one second, but for a quarter of four seconds.
  private static var runs: DurationHistogram {
    var runs = DurationHistogram()
    for _ in 0..<6 { runs.count(.milliseconds(1024)) }
    for _ in 0..<4 { runs.count(.milliseconds(4096)) }
    return runs
  }

  @Test("is unknown while few runs were measured or nothing can run")
  func unknown() {
    let few = DurationHistogram(counts: [40: WaitEstimate.fewestSamples - 1])
    let enough = DurationHistogram(counts: [40: WaitEstimate.fewestSamples])
    #expect(WaitEstimate(position: 1, slots: 1, run: few) == nil)
    #expect(WaitEstimate(position: 1, slots: 1, run: enough) != nil)
    #expect(WaitEstimate(position: 1, slots: 0, run: enough) == nil)
    #expect(WaitEstimate(position: 0, slots: 1, run: enough) == nil)
  }

  @Test("is between nothing and one slow run for who is next")
  func next() throws {
    let estimate = try #require(WaitEstimate(position: 1, slots: 3, run: Self.runs))
    #expect(estimate.least == .zero)
    #expect(estimate.most == Self.runs.percentile(0.75))
  }

  @Test("grows with the rounds ahead")
  func rounds() throws {
    let quick = try #require(Self.runs.percentile(0.25))
    let slow = try #require(Self.runs.percentile(0.75))
    let estimate = try #require(WaitEstimate(position: 9, slots: 4, run: Self.runs))
    #expect(estimate == WaitEstimate(least: quick * 2, most: slow * 3))
    for position in 1..<50 {
      let here = try #require(WaitEstimate(position: position, slots: 4, run: Self.runs))
      let behind = try #require(WaitEstimate(position: position + 1, slots: 4, run: Self.runs))
      #expect(here.least < here.most)
      #expect(here.least < behind.least && here.most < behind.most)
    }
  }
}

import Jobs
import Testing

@Suite("The score of a job in its queue")
struct QueueScoreTests {
  /// Microseconds since 2025: the first moment, now, and twelve years on.
  private static let sequences: [Int64] = [0, 1, 46_000_000_000_000, 46_000_000_000_001, 390_000_000_000_000]

  private func score(
    _ sequence: Int64, _ level: Int = 5, _ order: QueueOrder = .fifo, ageing: Duration? = nil
  ) throws -> QueueScore {
    QueueScore(
      base: QueueScore.base(of: sequence, order: order), priority: try #require(Priority(level)),
      ageing: ageing)
  }

  @Test("puts the earlier first in FIFO order, the later first in LIFO order")
  func orders() throws {
    for (earlier, later) in zip(Self.sequences, Self.sequences.dropFirst()) {
      #expect(try score(earlier) < score(later))
      #expect(try score(later, 5, .lifo) < score(earlier, 5, .lifo))
      #expect(try score(later, 5, .lifo) < score(earlier), "what jumps the line is before the line")
      #expect(try score(earlier, 5, .lifo) <= score(later))
    }
  }

  @Test("puts any job of a level before any of a lower one where priorities are strict", arguments: 2...10)
  func bands(_ level: Int) throws {
    let last = try #require(Self.sequences.last)
    #expect(try score(last, level) < score(last, level - 1, .lifo))
    #expect(try score(last, level) < score(0, level - 1))
  }

  @Test("is a whole number that a double holds exactly", arguments: 1...10)
  func exactness(_ level: Int) throws {
    for sequence in Self.sequences {
      for order in QueueOrder.allCases {
        for ageing in [nil, Duration.milliseconds(1), .seconds(60), .seconds(86_400)] {
          let value = try score(sequence, level, order, ageing: ageing).value
          #expect(abs(value) < 1 << 53)
          #expect(Int64(Double(value)) == value)
        }
      }
    }
  }

  @Test("gives a level a head start where the queue ages")
  func ageing() throws {
    let minute = Duration.seconds(60)
    let urgent = try score(1_000_000_000, 10, ageing: minute)
    #expect(try urgent < score(1_000_000_000 - 299_999_999, 5, ageing: minute))
    #expect(try urgent > score(1_000_000_000 - 300_000_001, 5, ageing: minute), "five minutes for five levels")
    #expect(try score(2, 5, ageing: minute) > score(1, 5, ageing: minute))
  }

  @Test("compares by its value")
  func value() throws {
    #expect(try score(7).value == QueueScore.half + 7 - 5 * QueueScore.bandStep)
    #expect(try score(7, 1, .lifo).value == QueueScore.half - 7 - QueueScore.bandStep)
    #expect(try score(7, 3, ageing: .milliseconds(2)).value == QueueScore.half + 7 - 6000)
  }
}

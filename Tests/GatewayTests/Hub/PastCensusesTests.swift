import Jobs
import Testing

@testable import Gateway

@Suite("What became of publications") struct PastCensusesTests {
  private func census(_ published: Int) -> WatchCensus {
    var census = WatchCensus()
    census.published = published
    return census
  }

  @Test("is kept of the last channels, and of none that had nothing")
  func keeping() {
    var past = PastCensuses(limit: 3)
    let channels = (0..<5).map { _ in Channel.job(JobID()) }
    past.keep(census(0), of: channels[0])
    #expect(past.count == 0)
    for (number, channel) in channels.enumerated() { past.keep(census(number + 1), of: channel) }
    #expect(past.count == 3)
    #expect(channels.map { past[$0].published } == [0, 0, 3, 4, 5])
  }

  @Test("is taken by who watches again, and the newest is kept of a channel that comes again and again")
  func again() {
    var past = PastCensuses(limit: 2)
    let (one, other) = (Channel.job(JobID()), Channel.user("alice"))
    past.keep(census(1), of: one)
    #expect(past.take(one).published == 1)
    #expect(past.take(one).published == 0)
    for round in 1...10_000 {
      past.keep(census(round), of: one)
      past.keep(census(round), of: other)
      #expect(past.take(one).published == round)
    }
    #expect(past[other].published == 10_000)
    #expect(past.count == 1)
    #expect(past.placeCount <= 8)
  }
}

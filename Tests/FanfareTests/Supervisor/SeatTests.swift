import Testing

@testable import Fanfare

@Suite("A seat") struct SeatTests {
  @Test("has its share of what is spread, no more and no less is given out", arguments: 1...5, [0, 1, 2, 7, 100])
  func share(_ count: Int, _ total: Int) {
    let shares = (0..<count).map { Seat(number: $0, count: count, listeners: []).share(of: total) }
    #expect(shares.reduce(0, +) == total)
    #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
    #expect(shares == shares.sorted(by: >), "the first has some wherever anyone has")
  }

  @Test("is offered in a text", arguments: ["127.0.0.1", "::1", "unix:/a folder/with spaces"])
  func offer(_ host: String) {
    let offer = SeatOffer(
      seat: Seat(
        number: 2, count: 4,
        listeners: [
          SeatListener(descriptor: 8, port: 5000, name: "video_generator"), SeatListener(descriptor: 7, port: 8000),
        ]),
      link: 9, host: host)
    #expect(SeatOffer(offer.text) == offer)
    #expect(offer.descriptors == [9, 8, 7])
    #expect(offer.overrides.map(\.value) == [host, "8000", "4"])
  }

  @Test(
    "is not what a stray text says",
    arguments: [
      "", "1", "0 1 4 host", "0 1 4\n7 8000", "4 4 9 host\n7 8000", "-1 4 9 host\n7 8000", "0 1 x host\n7 8000",
      "0 1 4 host\n7 8000\nx 8001 demucs", "0 1 4 host\n7 8000\n8", "0 1 4 host\n7 8001 demucs",
      "0 1 4 host\n7 8000\n8 8000",
    ])
  func strayText(_ text: String) { #expect(SeatOffer(text) == nil) }

  @Test(
    "reports in a text",
    arguments: [
      SeatReport.ready(node: "host-1", banner: []), .ready(node: "host-1", banner: ["a", "  b"]),
      .failed("it\nhas two lines"), .failed(""), .workDone,
    ])
  func report(_ report: SeatReport) { #expect(SeatReport(report.text) == report) }

  @Test("reports no more than goes in one message")
  func longReport() {
    let report = SeatReport.failed(String(repeating: "ü", count: 100_000))
    #expect(report.text.utf8.count < 66_000)
    #expect(SeatReport("what is this") == nil)
  }
}

@Suite("gateway.processes") struct ProcessCountTests {
  @Test(
    "is a number or auto",
    arguments: [
      (ConfigurationValue.whole(1), ProcessCount.exactly(1)), (.whole(256), .exactly(256)), (.text("auto"), .auto),
      (.untyped("auto"), .auto), (.untyped("4"), .exactly(4)), (.whole(0), nil), (.whole(257), nil),
      (.text("4"), nil), (.untyped("many"), nil), (.boolean(true), nil),
    ] as [(ConfigurationValue, ProcessCount?)])
  func values(_ value: ConfigurationValue, _ count: ProcessCount?) {
    #expect(ProcessCount(value) == count)
    if let count { #expect(ProcessCount(count.configurationValue) == count) }
  }

  @Test("is one where jobs are kept in the process, and one a core elsewhere, if it is auto")
  func auto() {
    var configuration = Configuration()
    configuration.gateway.processes = .auto
    #expect(configuration.processCount == 1)
    configuration.broker.url = "redis://localhost"
    #expect(configuration.processCount >= 1)
    #expect(configuration.leads && configuration.ownWorkers == 2)
    configuration.seat = Seat(number: 1, count: 3, listeners: [])
    #expect(!configuration.leads && configuration.ownWorkers == 1)
  }
}

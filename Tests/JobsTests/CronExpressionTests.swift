import Foundation
import Jobs
import Testing

@Suite("A cron expression")
struct CronExpressionTests {
  /// The next `count` moments after one, each in UTC to the minute.
  private func moments(
    _ text: String, after time: String, in zone: String = "UTC", count: Int = 1
  ) throws -> [String] {
    let cron = try CronExpression(text)
    let zone = try #require(TimeZone(identifier: zone))
    let start = try Date("\(time):00Z", strategy: .iso8601)
    var moment = Timestamp(milliseconds: Int64(start.timeIntervalSince1970) * 1000)
    var found: [String] = []
    for _ in 0..<count {
      guard let next = cron.next(after: moment, in: zone) else { break }
      #expect(next > moment)
      moment = next
      let date = Date(timeIntervalSince1970: Double(next.milliseconds) / 1000)
      let shown = date.formatted(.iso8601)
      #expect(shown.hasSuffix(":00Z"))
      found.append(String(shown.dropLast(4)))
    }
    return found
  }

  @Test(
    "fires at the minutes of its fields",
    arguments: [
      ("* * * * *", ["2026-01-01T00:01", "2026-01-01T00:02"]),
      ("5 * * * *", ["2026-01-01T00:05", "2026-01-01T01:05"]),
      ("*/20 * * * *", ["2026-01-01T00:20", "2026-01-01T00:40", "2026-01-01T01:00"]),
      ("10-12 3 * * *", ["2026-01-01T03:10", "2026-01-01T03:11", "2026-01-01T03:12", "2026-01-02T03:10"]),
      ("10-30/10,45 3 * * *", ["2026-01-01T03:10", "2026-01-01T03:20", "2026-01-01T03:30", "2026-01-01T03:45"]),
      ("50/4 3 * * *", ["2026-01-01T03:50", "2026-01-01T03:54", "2026-01-01T03:58", "2026-01-02T03:50"]),
      ("0 0,12 * * *", ["2026-01-01T12:00", "2026-01-02T00:00"]),
      ("59 23 31 12 *", ["2026-12-31T23:59", "2027-12-31T23:59"]),
      ("0 0 1 */6 *", ["2026-07-01T00:00", "2027-01-01T00:00"]),
      ("0 0 * jun-AUG mon", ["2026-06-01T00:00", "2026-06-08T00:00"]),
      ("0 9 * * 1-5", ["2026-01-01T09:00", "2026-01-02T09:00", "2026-01-05T09:00"]),
      ("0 0 * * 0", ["2026-01-04T00:00", "2026-01-11T00:00"]),
      ("0 0 * * 7", ["2026-01-04T00:00", "2026-01-11T00:00"]),
      ("0 0 * * Sun", ["2026-01-04T00:00", "2026-01-11T00:00"]),
      ("0 0 * * sat,sun", ["2026-01-03T00:00", "2026-01-04T00:00", "2026-01-10T00:00"]),
      ("0 0 * * 6-7", ["2026-01-03T00:00", "2026-01-04T00:00", "2026-01-10T00:00"]),
      ("  0   0\t1 1  *  ", ["2027-01-01T00:00"]),
    ])
  func fields(_ text: String, _ expected: [String]) throws {
    #expect(try moments(text, after: "2026-01-01T00:00", count: expected.count) == expected)
  }

  @Test(
    "has names for what is usual",
    arguments: [
      ("@yearly", "2027-01-01T00:00"), ("@annually", "2027-01-01T00:00"),
      ("@monthly", "2026-04-01T00:00"), ("@weekly", "2026-03-22T00:00"),
      ("@daily", "2026-03-18T00:00"), ("@Midnight", "2026-03-18T00:00"),
      ("@hourly", "2026-03-17T13:00"),
    ])
  func macros(_ text: String, _ expected: String) throws {
    #expect(try moments(text, after: "2026-03-17T12:30") == [expected])
  }

  @Test("fires after a moment, never at it")
  func strictlyAfter() throws {
    let cron = try CronExpression("* * * * *")
    let utc = try #require(TimeZone(identifier: "UTC"))
    let minute = Timestamp(milliseconds: 1_750_000_020_000)
    #expect(cron.next(after: minute, in: utc) == minute + .seconds(60))
    #expect(cron.next(after: minute + .milliseconds(-1), in: utc) == minute)
    #expect(cron.next(after: minute + .milliseconds(1), in: utc) == minute + .seconds(60))
  }

  @Test("keeps its text")
  func text() throws {
    #expect(try CronExpression("0 9 * * MON-FRI").description == "0 9 * * MON-FRI")
    #expect(try CronExpression("@daily").description == "@daily")
  }

  @Test(
    "says which field is wrong, and with what",
    arguments: [
      ("60 * * * *", "minute", "60"), ("-1 * * * *", "minute", "-1"), ("1-60 * * * *", "minute", "1-60"),
      ("* 24 * * *", "hour", "24"), ("* 5-3 * * *", "hour", "5-3"), ("* */0 * * *", "hour", "*/0"),
      ("* * 0 * *", "day", "0"), ("* * 32 * *", "day", "32"), ("* * mon * *", "day", "mon"),
      ("* * * 13 *", "month", "13"), ("* * * 0 *", "month", "0"), ("* * * june *", "month", "june"),
      ("* * * * 8", "weekday", "8"), ("* * * * jan", "weekday", "jan"), ("* * * * fri-mon", "weekday", "fri-mon"),
      ("1,,2 * * * *", "minute", ""), ("+5 * * * *", "minute", "+5"), ("*/+5 * * * *", "minute", "*/+5"),
      ("*/2/3 * * * *", "minute", "*/2/3"), ("٣ * * * *", "minute", "٣"), ("1- * * * *", "minute", "1-"),
      ("*-5 * * * *", "minute", "*-5"), ("5* * * * *", "minute", "5*"), ("L * * * *", "minute", "l"),
      ("99999999999999999999 * * * *", "minute", "99999999999999999999"),
    ])
  func faults(_ text: String, _ field: String, _ part: String) throws {
    let fault = #expect(throws: CronExpression.Fault.self) { try CronExpression(text) }
    #expect(fault?.description.contains(" the \(field)") == true, "\(String(describing: fault))")
    #expect(fault?.description.contains("\"\(part)\"") == true, "\(String(describing: fault))")
  }

  @Test(
    "wants five fields",
    arguments: [("", 0), (" ", 0), ("*", 1), ("* * * *", 4), ("* * * * * *", 6), ("@often", 1)])
  func fieldCount(_ text: String, _ count: Int) throws {
    let fault = #expect(throws: CronExpression.Fault.self) { try CronExpression(text) }
    #expect(fault?.description.contains("\(count) fields") == true)
  }

  @Test("fires on either day where both are restricted, on both where one is open")
  func eitherDay() throws {
    #expect(
      try moments("0 0 13 * 5", after: "2026-02-07T00:00", count: 4) == [
        "2026-02-13T00:00", "2026-02-20T00:00", "2026-02-27T00:00", "2026-03-06T00:00",
      ])
    #expect(
      try moments("0 0 10 * 5", after: "2026-02-07T00:00", count: 3) == [
        "2026-02-10T00:00", "2026-02-13T00:00", "2026-02-20T00:00",
      ])
    #expect(try moments("0 0 13 * *", after: "2026-02-14T00:00") == ["2026-03-13T00:00"])
    #expect(
      try moments("0 0 */2 * fri", after: "2026-02-01T00:00", count: 2) == [
        "2026-02-13T00:00", "2026-02-27T00:00",
      ], "a star with a step is open, as in Vixie's cron")
  }

  @Test("finds the leap day, also over a year that has none")
  func leapDay() throws {
    #expect(
      try moments("0 12 29 2 *", after: "2026-01-01T00:00", count: 2) == [
        "2028-02-29T12:00", "2032-02-29T12:00",
      ])
    #expect(try moments("0 0 29 feb *", after: "2096-03-01T00:00") == ["2104-02-29T00:00"])
  }

  @Test("knows dates that never come", arguments: ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 feb *"])
  func noSuchDate(_ text: String) throws {
    #expect(try moments(text, after: "2026-01-01T00:00").isEmpty)
  }

  @Test("is read in its time zone")
  func zones() throws {
    #expect(try moments("0 9 * * *", after: "2026-01-15T00:00", in: "Europe/Berlin") == ["2026-01-15T08:00"])
    #expect(try moments("0 9 * * *", after: "2026-07-15T00:00", in: "Europe/Berlin") == ["2026-07-15T07:00"])
    #expect(try moments("0 9 * * *", after: "2026-01-15T00:00", in: "Asia/Kathmandu") == ["2026-01-15T03:15"])
    #expect(try moments("0 0 1 * *", after: "2026-01-15T00:00", in: "Pacific/Kiritimati") == ["2026-01-31T10:00"])
    #expect(try moments("0 0 * * 1", after: "2026-01-15T00:00", in: "America/New_York") == ["2026-01-19T05:00"])
  }

  // In 2026 clocks go forward in Berlin on the 29th of March at 01:00Z, in New York on the 8th of March
  // at 07:00Z, on Lord Howe Island (by half an hour) on the 3rd of October at 15:30Z, in Santiago
  // (at midnight) on the 6th of September at 04:00Z.
  @Test(
    "fires after the gap where a fixed hour is left out",
    arguments: [
      ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
      ("Europe/Berlin", "15,45 2 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:15"]),
      ("Europe/Berlin", "0 3 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T01:00"]),
      ("Europe/Berlin", "0 2-4 * * *", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-29T02:00"]),
      ("Europe/Berlin", "30 2 * * sun", "2026-03-23T00:00", ["2026-03-29T01:00", "2026-04-05T00:30"]),
      ("Europe/Berlin", "30 2 29 3 *", "2026-01-01T00:00", ["2026-03-29T01:00", "2027-03-29T00:30"]),
      ("Europe/Berlin", "30 2 30 3 *", "2026-01-01T00:00", ["2026-03-30T00:30"]),
      ("America/New_York", "30 2 * * *", "2026-03-07T12:00", ["2026-03-08T07:00", "2026-03-09T06:30"]),
      ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
      ("Australia/Lord_Howe", "45 2 * * *", "2026-10-03T00:00", ["2026-10-03T15:45", "2026-10-04T15:45"]),
      ("America/Santiago", "0 0 * * *", "2026-09-05T12:00", ["2026-09-06T04:00", "2026-09-07T03:00"]),
      ("America/Santiago", "30 0 6 9 *", "2026-01-01T00:00", ["2026-09-06T04:00", "2027-09-06T03:30"]),
    ])
  func gap(_ zone: String, _ text: String, _ start: String, _ expected: [String]) throws {
    #expect(try moments(text, after: start, in: zone, count: expected.count) == expected)
  }

  // In 2026 clocks go back in Berlin on the 25th of October at 01:00Z, in New York on the 1st of
  // November at 06:00Z, on Lord Howe Island on the 4th of April at 15:00Z.
  @Test(
    "fires the first time where a fixed hour comes twice",
    arguments: [
      ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
      ("Europe/Berlin", "0 2 * * *", "2026-10-24T12:00", ["2026-10-25T00:00", "2026-10-26T01:00"]),
      ("Europe/Berlin", "0 3 * * *", "2026-10-24T12:00", ["2026-10-25T02:00", "2026-10-26T02:00"]),
      (
        "Europe/Berlin", "*/30 2 * * *", "2026-10-24T12:00",
        ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-26T01:00"]
      ),
      ("America/New_York", "30 1 * * *", "2026-10-31T12:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
      (
        "Australia/Lord_Howe", "*/15 1 * * *", "2026-04-04T12:00",
        ["2026-04-04T14:00", "2026-04-04T14:15", "2026-04-04T14:30", "2026-04-04T14:45", "2026-04-05T14:30"]
      ),
      ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
    ])
  func repeated(_ zone: String, _ text: String, _ start: String, _ expected: [String]) throws {
    #expect(try moments(text, after: start, in: zone, count: expected.count) == expected)
  }

  @Test("goes on by the minutes that pass where the hour is open")
  func openHours() throws {
    let forward = "2026-03-29T00:15"
    #expect(
      try moments("*/30 * * * *", after: forward, in: "Europe/Berlin", count: 3)
        == ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"])
    #expect(
      try moments("30 * * * *", after: forward, in: "Europe/Berlin", count: 2)
        == ["2026-03-29T00:30", "2026-03-29T01:30"])
    #expect(
      try moments("45 * * * *", after: "2026-10-24T23:50", in: "Europe/Berlin", count: 3)
        == ["2026-10-25T00:45", "2026-10-25T01:45", "2026-10-25T02:45"])
    #expect(
      try moments("30 */2 * * *", after: "2026-10-25T00:00", in: "Europe/Berlin", count: 3)
        == ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T03:30"], "twice, as it passes twice")
    #expect(
      try moments("30 */2 * * *", after: "2026-03-28T23:45", in: "Europe/Berlin", count: 1)
        == ["2026-03-29T02:30"], "what does not pass does not fire")
  }

  @Test("fires the same however one steps to it", arguments: ["Europe/Berlin", "Australia/Lord_Howe"])
  func steps(_ zone: String) throws {
    let identifier = try #require(TimeZone(identifier: zone))
    let cron = try CronExpression("*/10 1-3 * * *")
    let start = Timestamp(milliseconds: 1_767_225_600_000)
    var seen: [Timestamp] = []
    var moment = start
    while let next = cron.next(after: moment, in: identifier), next < start + .seconds(365 * 86_400) {
      seen.append(next)
      moment = next
    }
    #expect(Set(seen).count == seen.count && seen == seen.sorted())
    // Asked from just before and from well before, the answer is the same.
    for (earlier, later) in zip(seen, seen.dropFirst()) {
      #expect(cron.next(after: later + .milliseconds(-1), in: identifier) == later)
      #expect(cron.next(after: earlier + .seconds(59), in: identifier) == later)
    }
    #expect(seen.count <= 365 * 18 && seen.count >= 365 * 18 - 8, "but for the hour that is left out")
  }
}

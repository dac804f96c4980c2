import Foundation
import Jobs
import Testing

@testable import Fanfare

@Suite("A table in a terminal") struct TextTableTests {
  @Test("has columns as wide as they need, and no blanks at the ends")
  func columns() {
    var table = TextTable("QUEUE", "MODE", "N")
    table.add(["a-long-name", "active", "12"])
    table.add(["b", "", ""])
    #expect(table.lines == ["QUEUE        MODE    N", "a-long-name  active  12", "b"])
  }

  @Test(
    "tells durations in two units",
    arguments: [
      (0.0, "0s"), (0.42, "0.4s"), (9.96, "10s"), (75, "1m 15s"), (3600, "1h"), (93_784, "1d 2h"),
    ])
  func durations(seconds: Double, text: String) {
    #expect(Duration.seconds(seconds).shortText == text)
  }

  @Test("lists jobs with what matters of their state")
  func jobs() throws {
    let page = try JSONDocument(
      bytes: Array(
        #"""
        {"jobs":[
          {"id":"a","state":"queued","queue":"q","kind":"k","user":"u","priority":5,"position":2,"max_attempts":3,"created_at":0},
          {"id":"b","state":"running","queue":"q","kind":"k","user":"u","priority":5,"attempt":1,"max_attempts":3,"percent":41.5,"cancelling":true,"created_at":60000},
          {"id":"c","state":"failed","queue":"q","kind":"k","user":"u","priority":5,"attempt":3,"max_attempts":3,"error":{"code":"timeout"},"created_at":119000}]}
        """#.utf8)
    ).root
    #expect(
      Listing.jobs(page, now: Date(timeIntervalSince1970: 120)).lines == [
        "ID  STATE       QUEUE  KIND  PRIO  TRY  PROGRESS  AGE  USER",
        "a   queued      q      k     5     -    place 2   2m   u",
        "b   cancelling  q      k     5     1/3  41.5%     1m   u",
        "c   failed      q      k     5     3/3  timeout   1s   u",
      ])
  }
}

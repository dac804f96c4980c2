import Jobs
import Testing

/// The judge of the chaos runs must find what it is there to find.
@Suite("What a watcher saw") struct WatchedStreamTests {
  private func event(
    _ offset: Int, _ state: String, _ event: String = "state", attempt: Int = 1, more: String = ""
  ) throws -> JSONValue {
    try JSONDocument(
      bytes: Array(
        #"{"event":"\#(event)","offset":\#(offset),"epoch":"e","state":"\#(state)","attempt":\#(attempt)\#(more)}"#.utf8
      )
    ).root
  }

  private func result(_ record: Int, _ state: String, publications: [Int] = []) throws -> JSONValue {
    let told = publications.map {
      #"{"data":{"event":"snapshot","offset":\#($0),"epoch":"e","state":"\#(state)"},"offset":\#($0)}"#
    }
    let list = told.isEmpty ? "" : #","publications":[\#(told.joined(separator: ","))]"#
    return try JSONDocument(
      bytes: Array(#"{"data":{"offset":\#(record),"epoch":"e","state":"\#(state)"}\#(list)}"#.utf8)
    ).root
  }

  /// One that saw a job queued, and then this.
  private func stream(isStill: Bool = false, _ events: [JSONValue]) throws -> WatchedStream {
    var stream = WatchedStream(of: "j", isStill: isStill)
    stream.take(result: try result(1, "queued"))
    for event in events { stream.take(publication: event) }
    return stream
  }

  private func kinds(_ streams: WatchedStream...) -> [WatchedStream.Fault.Kind] {
    WatchedStream.faults(in: streams).map(\.fault.kind)
  }

  @Test("is in order where each event came once, progress left out, up to one end")
  func order() throws {
    let whole = try stream([
      event(2, "running"), event(3, "running", "progress"), event(5, "running", "progress"), event(6, "completed"),
    ])
    var resumed = try stream(isStill: true, [event(2, "running")])
    resumed.take(result: try result(6, "completed", publications: [6]))
    // At the top nothing is told again.
    resumed.take(result: try result(6, "completed"))
    #expect(kinds(whole, resumed).isEmpty)
    #expect(resumed.position == #","recover":true,"offset":6,"epoch":"e""#)
    #expect(resumed.cursor == "e-6")
  }

  @Test("has a gap where a number, a state or a publication is missing")
  func gaps() throws {
    #expect(kinds(try stream(isStill: true, [event(3, "running"), event(4, "completed")])) == [.gap])
    #expect(kinds(try stream([event(3, "completed")])) == [.gap])
    #expect(kinds(try stream([event(2, "running"), event(4, "running", attempt: 2), event(5, "failed")])) == [.gap])
    // What another saw as a change of state.
    let other = try stream([event(2, "running"), event(3, "running"), event(4, "completed")])
    #expect(kinds(try stream([event(2, "running"), event(4, "completed")]), other) == [.gap])
    var resumed = try stream([event(2, "running")])
    resumed.take(result: try result(3, "completed"))
    #expect(kinds(resumed) == [.gap])
    var fresh = WatchedStream(of: "j")
    fresh.take(publication: try event(1, "completed"))
    #expect(kinds(fresh) == [.gap])
  }

  @Test("has a repeat where an offset, an end or a record that is known comes again")
  func repeats() throws {
    #expect(kinds(try stream([event(2, "running"), event(2, "running"), event(3, "completed")])) == [.repeated])
    // Old, behind the end, and a second end.
    #expect(
      kinds(try stream([event(2, "running"), event(3, "completed"), event(3, "completed")]))
        == [.repeated, .repeated, .repeated])
    #expect(
      kinds(try stream([event(2, "running"), event(3, "completed"), event(4, "completed")])) == [
        .repeated, .repeated, .other,
      ])
    var resumed = try stream([event(2, "running"), event(3, "completed")])
    resumed.take(result: try result(3, "completed", publications: [3]))
    #expect(kinds(resumed).contains(.repeated))
    var polled = WatchedStream(of: "j")
    polled.take(polled: try event(1, "queued"))
    polled.take(polled: try event(1, "queued"))
    polled.take(polled: try event(3, "completed"))
    #expect(kinds(polled) == [.repeated])
    var set = try stream([event(2, "running"), event(3, "running", "progress")])
    set.take(record: try event(2, "running"))
    set.take(publication: try event(4, "completed"))
    #expect(kinds(set) == [.repeated])
  }

  @Test("lacks its end where none was told, or was told before it began anew")
  func missingEnd() throws {
    #expect(kinds(try stream([event(2, "running")])) == [.missingEnd])
    var reset = try stream([event(2, "running"), event(3, "completed")])
    reset.reset()
    #expect(kinds(reset) == [.missingEnd])
  }

  @Test("is at fault where percent falls, an epoch changes, or two saw another end")
  func otherFaults() throws {
    let falling = try stream([
      event(2, "running", "progress", more: #","percent":50"#),
      event(3, "running", "progress", more: #","percent":40"#),
      event(4, "completed"),
    ])
    #expect(kinds(falling) == [.other])
    var changed = try stream([event(2, "running")])
    changed.take(
      publication: try JSONDocument(bytes: Array(#"{"event":"state","offset":3,"epoch":"f","state":"completed"}"#.utf8))
        .root)
    #expect(kinds(changed) == [.other])
    #expect(
      kinds(
        try stream([event(2, "running"), event(3, "completed")]), try stream([event(2, "running"), event(4, "failed")]))
        == [.other, .gap, .other])
  }
}

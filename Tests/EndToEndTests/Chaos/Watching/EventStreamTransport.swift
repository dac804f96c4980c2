import EventLoop
import Jobs
import Support

/// A browser that reads server-sent events, and comes back with `Last-Event-ID`.
final class EventStreamTransport: HTTPTransport {
  override func look(at job: String) async throws {
    let known = browser.streams[job]?.cursor
    let hadEnded = browser.streams[job]?.hasEnded == true
    let (socket, answer) = try await ask(
      "GET", "/v1/jobs/\(job)/events", headers: known.map { ["Last-Event-ID: \($0)"] } ?? [], toHead: true,
      cut: browser.chance(0.06) ? "disconnects between a subscribe and its reply" : nil)
    defer { socket.reset() }
    switch answer.status {
    case 200: break
    case 204:
      if !hadEnded { browser.change(job) { $0.fault(.gap, "204 at \(known ?? "nothing"), before an end") } }
      return browser.count("recovered, at the top")
    case 401: return browser.forgetToken()
    case 500, 503: return browser.count("subscribes refused, repeated")
    default: return browser.change(job) { $0.fault(.other, "the stream was answered with \(answer.status)") }
    }
    if browser.chance(0.15) { cutSoon(socket, "streams cut by the client", within: 0...40) }
    do {
      var isFirst = true
      while browser.streams[job]?.hasEnded != true || hadEnded {
        if take(try await socket.receive(until: "\n\n"), of: job) {
          if isFirst, known != nil { browser.count("recovered, behind") }
          isFirst = false
        }
      }
      // Behind the end nothing comes but the end of the stream.
      let rest = try await socket.receiveToEnd()
      if !rest.isEmpty { take(rest, of: job) }
    } catch {
      throw wasCut(socket) ? Browser.Closed.byBrowser : error
    }
  }

  /// One event as an `EventSource` reads it; false where it says nothing.
  @discardableResult
  private func take(_ bytes: [UInt8], of job: String) -> Bool {
    var name = ""
    var data = ""
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
      if line.hasPrefix("data: ") { data = String(line.dropFirst(6)) }
    }
    guard !data.isEmpty else { return false }
    guard name != "reset" else {
      browser.count("resets")
      browser.change(job) { stream in
        stream.fault(.other, "a stream was reset, and nothing sets this store back")
        stream.reset()
      }
      return true
    }
    do {
      let event = try JSONDocument(bytes: Array(data.utf8)).root
      if event["event"]?.string == "delivery" { browser.count("told that delivery is interrupted, or goes on") }
      browser.count(event["event"]?.string == "snapshot" ? "snapshots" : "events, live")
      browser.change(job) { $0.take(publication: event) }
    } catch {
      browser.violate("an event is no JSON: \(data)")
    }
    return true
  }
}

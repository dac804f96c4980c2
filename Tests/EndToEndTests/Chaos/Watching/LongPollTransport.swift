import EventLoop
import Jobs
import Support

/// A browser that asks again and again, with the `ETag` of what it has.
final class LongPollTransport: HTTPTransport {
  override func look(at job: String) async throws {
    let stream = browser.streams[job]
    let known = stream?.cursor
    let (socket, answer) = try await ask(
      "GET", "/v1/jobs/\(job)?wait=4",
      headers: known.map { [#"If-None-Match: W/"\#($0)""#] } ?? ["If-None-Match: \"x-0\""],
      cut: browser.chance(0.15) ? "disconnects between a subscribe and its reply" : nil)
    defer { socket.reset() }
    switch answer.status {
    case 200:
      let record = try JSONDocument(bytes: answer.body).root
      if known != nil { browser.count("recovered, behind") }
      browser.change(job) { $0.take(polled: record) }
    case 304:
      if known == nil { browser.change(job) { $0.fault(.gap, "304 for one that knows nothing") } }
      browser.count("recovered, at the top")
    case 401: browser.forgetToken()
    case 500, 503: browser.count("subscribes refused, repeated")
    default: browser.change(job) { $0.fault(.other, "a poll was answered with \(answer.status): \(answer.text)") }
    }
  }
}

import EventLoop
import Foundation
import Jobs
import Support

/// A browser that only listens: one stream of the protocol's pushes shows all its jobs, as server-sent events or as
/// lines. It cannot be asked for one more, so that it is opened anew with the position of each.
final class PushStreamTransport: HTTPTransport {
  private var isShowing = false
  private var socket: RawSocket?
  /// What this stream was asked for, and whether the gateway answered.
  private var shown: Set<String> = []
  private var wasAnswered = false

  override func watch(_ job: String) {
    if !isShowing {
      isShowing = true
      follow { [self] in await show() }
    } else if let socket {
      openAnewSoon(socket)
    }
  }

  private func openAnewSoon(_ socket: RawSocket) {
    cutSoon(socket, "streams opened anew for another job", within: 5...200)
  }

  /// Goes on for as long as something has not ended.
  private func show() async {
    var failures = 0
    while !browser.isOver, browser.streams.values.contains(where: { !$0.hasEnded }) {
      wasAnswered = false
      do { try await listen(for: browser.jobsToResume()) } catch {
        if !browser.isOver { browser.disconnected(error) }
      }
      socket = nil
      failures = wasAnswered ? 0 : failures + 1
      await browser.backOff(after: failures)
    }
    isShowing = false
  }

  // MARK: Asking

  /// Fewer than one connection may show; the others have their turn when these have ended.
  private static let mostShown = 100

  private func listen(for jobs: [String]) async throws {
    shown = Set(jobs.prefix(Self.mostShown))
    let (socket, answer) = try await open()
    defer { socket.reset() }
    switch answer.status {
    case 200: break
    case 401: return browser.forgetToken()
    case 500, 503: return browser.count("subscribes refused, repeated")
    default: return browser.violate("a stream of pushes was answered with \(answer.status)")
    }
    self.socket = socket
    let isLacking = browser.streams.contains { !$1.hasEnded && !shown.contains($0) }
    if isLacking, shown.count < Self.mostShown { openAnewSoon(socket) }
    let stays = browser.chance(0.3)
    if stays || browser.chance(0.15) { cutSoon(socket, "streams cut by the client", within: 0...800) }
    do {
      // One that stays is told nothing more of what has ended.
      while stays || shown.contains(where: { browser.streams[$0]?.hasEnded == false }) {
        try take(String(decoding: try await socket.receive(until: "\n"), as: UTF8.self))
      }
    } catch {
      throw wasCut(socket) ? Browser.Closed.byBrowser : error
    }
  }

  /// The connect request holds each job's position, and the token unless a header does.
  private func open() async throws -> (socket: RawSocket, answer: HTTPAnswer) {
    let isAuthorized = browser.chance(0.5)
    let token = isAuthorized ? "" : #""token":"\#(try browser.liveToken())","#
    let subs = shown.map { #""job:\#($0)":{\#(browser.streams[$0]?.position.dropFirst() ?? "")}"# }
    let request = #"{\#(token)"subs":{\#(subs.joined(separator: ","))}}"#
    let cut = browser.chance(0.06) ? "disconnects between a subscribe and its reply" : nil
    let path = browser.kind == .pushLines ? "/connection/uni_http_stream" : "/connection/uni_sse"
    if browser.kind == .pushEvents, shown.count <= 5, browser.chance(0.5) {
      let query = request.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
      return try await ask(
        "GET", path + "?cf_connect=" + query, isAuthorized: isAuthorized, toHead: true, cut: cut)
    }
    return try await ask("POST", path, body: request, isAuthorized: isAuthorized, toHead: true, cut: cut)
  }

  // MARK: Taking

  private func take(_ line: String) throws {
    let text = line.hasPrefix("data: ") ? line.dropFirst(6) : line[...]
    guard text != "\n" else { return }
    let push = try JSONDocument(bytes: Array(text.utf8)).root
    if let result = push["connect"] {
      wasAnswered = true
      for job in shown {
        guard let result = result["subs"]?["job:\(job)"] else {
          browser.violate("\(job) was left out of the channels of a connect: \(text)")
          continue
        }
        browser.take(result: result, of: job)
      }
    } else if let code = push["disconnect"]?["code"]?.int {
      if code == 3005 { browser.forgetToken() }
      throw Browser.Closed.byGateway(UInt16(code))
    } else if let channel = push["channel"]?.string, let data = push["pub"]?["data"] {
      browser.take(publication: data, of: String(channel.dropFirst(4)))
    } else if push.object?.isEmpty != true {
      browser.violate("a stream of pushes said: \(text)")
    }
  }
}

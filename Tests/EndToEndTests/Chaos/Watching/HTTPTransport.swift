import EventLoop
import Foundation
import Jobs
import Support

/// What browsers without a socket have in common: they submit over HTTP, and follow each job by itself, or all
/// together.
@EventLoop
class HTTPTransport: BrowserTransport {
  let browser: Browser
  private var following: [Task<Void, Never>] = []

  init(_ browser: Browser) { self.browser = browser }

  final func run() async {
    while !browser.isOver {
      await pause(browser.moment(40...300))
      if let submission = browser.nextSubmission() { await submit(submission) }
    }
    for task in following { await task.value }
  }

  func watch(_ job: String) { follow { [self] in await follow(job) } }

  /// Does something that lasts at most until it is over.
  final func follow(_ work: @escaping @EventLoop () async -> Void) { following.append(Task { await work() }) }

  /// Watches one job until it has ended, and now and then asks once more.
  private func follow(_ job: String) async {
    var asksAgain = browser.chance(0.2)
    var failures = 0
    while !browser.isOver {
      let hadEnded = browser.streams[job]?.hasEnded == true
      if hadEnded {
        guard asksAgain else { return }
        asksAgain = false
        browser.count("jobs asked for again after their end")
      }
      do {
        try await look(at: job)
        failures = 0
      } catch {
        failures += 1
        if !browser.isOver { browser.disconnected(error) }
      }
      if browser.streams[job]?.hasEnded != true { await browser.backOff(after: failures) }
    }
  }

  /// One request about a job, with the position that is known of it.
  func look(at job: String) async throws { preconditionFailure("a transport looks in its own way") }

  // MARK: Requests

  private func submit(_ submission: Browser.Submission) async {
    while !browser.isOver {
      do {
        let (socket, answer) = try await ask(
          "POST", "/v1/jobs", headers: ["Idempotency-Key: \(submission.key.replacing(" ", with: "-"))"],
          body: submission.request(from: browser.kind),
          cut: browser.chance(0.12) ? "disconnects between a submit and its reply" : nil)
        defer { socket.reset() }
        let body = try JSONDocument(bytes: answer.body).root
        switch answer.status {
        case 200, 202:
          guard let job = body["job"]?["id"]?.string else { break }
          if answer.headers["idempotency-replayed"] != nil { browser.count("submissions answered with the same job") }
          browser.accepted(submission, as: job)
          if browser.begin(job, isStill: submission.isStill) { watch(job) }
          return
        case 401: browser.forgetToken()
        case 409, 500, 503: browser.count("submissions refused, repeated")
        default: browser.violate("a submission was answered with \(answer.status): \(answer.text)")
        }
      } catch { if !browser.isOver { browser.disconnected(error) } }
      await pause(browser.moment(20...200))
    }
  }

  /// Sends a request and returns the answer with its body, of a stream only the head; the connection is the caller's
  /// to end. `cut` names a disconnect soon after it was sent.
  final func ask(
    _ method: String, _ path: String, headers: [String] = [], body: String = "", isAuthorized: Bool = true,
    toHead: Bool = false, cut: String? = nil
  ) async throws -> (socket: RawSocket, answer: HTTPAnswer) {
    guard let port = browser.port() else { throw RawSocket.Failure.reset }
    let socket = try await RawSocket.connect(to: port, patience: .seconds(7))
    browser.count("connections")
    do {
      let length = body.isEmpty ? [] : ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
      let token = isAuthorized ? ["Authorization: Bearer \(try browser.liveToken())"] : []
      let lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1"] + token + headers + length
      try await socket.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
      if let cut { cutSoon(socket, cut) }
      return (socket, try await socket.receiveAnswer(toHead: toHead))
    } catch {
      let wasCut = cuts.remove(ObjectIdentifier(socket)) != nil
      socket.reset()
      throw wasCut ? Browser.Closed.byBrowser : error
    }
  }

  private var cuts: Set<ObjectIdentifier> = []

  /// Ends the connection in a moment, whatever is on its way.
  final func cutSoon(_ socket: RawSocket, _ name: String, within range: ClosedRange<Int> = 0...6) {
    Task {
      await pause(browser.moment(range))
      guard !socket.isClosed else { return }
      cuts.insert(ObjectIdentifier(socket))
      browser.count(name)
      socket.reset()
    }
  }

  final func wasCut(_ socket: RawSocket) -> Bool { cuts.remove(ObjectIdentifier(socket)) != nil }
}

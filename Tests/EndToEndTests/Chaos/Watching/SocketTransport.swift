import EventLoop
import Jobs
import Support

/// A browser on the protocol's socket, which comes back with the offset and epoch of each job.
@EventLoop
final class SocketTransport: BrowserTransport {
  private enum Question {
    case connect, refresh, unsubscribe
    case subscribe(String)
    case submit(Browser.Submission)
  }

  private let browser: Browser
  private var socket: WebSocketClient?
  private var isConnected = false
  private var hasBeenConnected = false
  private var failures = 0
  private var lastCommand = 0
  private var asked: [Int: Question] = [:]
  /// Jobs whose subscription was asked for on this connection, or made by the gateway; and those that stand.
  private var wanted: Set<String> = []
  private var standing: Set<String> = []
  /// Submissions without an answer, to be repeated with the same key.
  private var unanswered: [String: Browser.Submission] = [:]
  private var toRepeat: [Browser.Submission] = []

  init(_ browser: Browser) { self.browser = browser }

  func watch(_ job: String) { if isConnected { subscribe(job) } }

  func run() async {
    while !browser.isOver {
      if let port = browser.port() {
        do { try await stay(at: port) } catch { if !browser.isOver { browser.disconnected(error) } }
      }
      socket = nil
      isConnected = false
      failures = hasBeenConnected ? 0 : failures + 1
      await browser.backOff(after: failures)
    }
  }

  private func stay(at port: Int) async throws {
    let socket = try await WebSocketClient.connect(to: port, patience: .seconds(4))
    defer { socket.socket.reset() }
    browser.count("connections")
    self.socket = socket
    hasBeenConnected = false
    asked = [:]
    wanted = []
    standing = []
    toRepeat = Array(unanswered.values)
    ask(.connect, #""connect":{"token":"\#(try browser.liveToken())"}"#)
    Task { await act(on: socket) }
    while true {
      do {
        switch try await socket.nextMessage() {
        case .text(let text): try take(text)
        case .close(let code, _): throw Browser.Closed.byGateway(code)
        case let message: browser.violate("\(message) came")
        }
      } catch RawSocket.Failure.reset where self.socket !== socket {
        throw Browser.Closed.byBrowser
      }
    }
  }

  /// What it does of itself while it is connected: it is over before anything is answered, now and then.
  private func act(on socket: WebSocketClient) async {
    while self.socket === socket {
      await pause(browser.moment(10...100))
      guard self.socket === socket else { return }
      if browser.isOver || browser.chance(0.03) { return cut(socket) }
      guard isConnected else { continue }
      if browser.needsRefresh, let token = try? browser.freshToken() {
        ask(.refresh, #""refresh":{"token":"\#(token)"}"#)
      }
      if let submission = toRepeat.popLast() ?? browser.nextSubmission() {
        unanswered[submission.key] = submission
        ask(.submit(submission), #""rpc":{"method":"job.submit","data":\#(submission.request(from: .socket))}"#)
        if browser.chance(0.12) { cutSoon("disconnects between a submit and its reply") }
      }
    }
  }

  private func cut(_ socket: WebSocketClient) {
    self.socket = nil
    socket.socket.reset()
  }

  private func cutSoon(_ name: String) {
    guard let socket else { return }
    Task {
      await pause(browser.moment(0...6))
      guard self.socket === socket else { return }
      browser.count(name)
      cut(socket)
    }
  }

  // MARK: Asking

  private func line(_ question: Question, _ members: String) -> String {
    lastCommand += 1
    asked[lastCommand] = question
    return #"{"id":\#(lastCommand),\#(members)}"#
  }

  private func ask(_ question: Question, _ members: String) { send(line(question, members)) }

  private func send(_ text: String) {
    guard let socket else { return }
    let frame = WebSocketClient.frame(.text, Array(text.utf8))
    // A network that takes nothing is as bad as one that is gone.
    if socket.socket.sendSome(frame[...]) < frame.count { socket.socket.reset() }
  }

  private func subscribe(_ job: String) {
    guard let stream = browser.streams[job], wanted.insert(job).inserted else { return }
    let token = (try? browser.subscriptionToken(for: job)) ?? ""
    let members = #""subscribe":{"channel":"job:\#(job)"\#(stream.position)\#(token)}"#
    if browser.chance(0.12) {
      browser.count("jobs subscribed twice in one message")
      send(line(.subscribe(job), members) + "\n" + line(.subscribe(job), members))
    } else {
      ask(.subscribe(job), members)
    }
    if browser.chance(0.05) { cutSoon("disconnects between a subscribe and its reply") }
  }

  // MARK: Taking

  private func take(_ text: String) throws {
    for line in text.split(separator: "\n") {
      let object = try JSONDocument(bytes: Array(line.utf8)).root
      if object.object?.isEmpty == true {
        send("{}")
      } else if let push = object["push"] {
        takePush(push)
      } else if let id = object["id"]?.int, let question = asked.removeValue(forKey: id) {
        try takeReply(object, to: question)
      } else {
        browser.violate("an answer to nothing: \(line)")
      }
    }
  }

  private func takePush(_ push: JSONValue) {
    let job = String((push["channel"]?.string ?? "").dropFirst(4))
    if let data = push["pub"]?["data"] {
      following(job) { browser.take(publication: data, of: job) }
    } else if let record = push["subscribe"]?["data"] {
      browser.begin(job, isStill: record["kind"]?.string == "\(EchoWorker.still)")
      wanted.insert(job)
      standing.insert(job)
      following(job) { browser.change(job) { $0.take(record: record) } }
    } else if let code = push["unsubscribe"]?["code"]?.int {
      browser.count("places lost (\(code))")
      wanted.remove(job)
      standing.remove(job)
      later { $0.subscribe(job) }
    }
  }

  private func takeReply(_ object: JSONValue, to question: Question) throws {
    let code = object["error"]?["code"]?.int
    switch question {
    case .connect:
      if code == 109 {
        browser.forgetToken()
        throw RawSocket.Failure.reset
      }
      guard object["connect"] != nil else { throw refused("connect", object) }
      isConnected = true
      hasBeenConnected = true
      for job in browser.jobsToResume() { subscribe(job) }
    case .refresh:
      if code == nil { browser.count("tokens refreshed in place") }
    case .unsubscribe: break
    case .submit(let submission):
      guard let job = object["rpc"]?["data"]?["job"]?["id"]?.string else {
        guard [100, 409, 503].contains(code) else { throw refused("submit", object) }
        browser.count("submissions refused, repeated")
        toRepeat.append(submission)
        return
      }
      if object["rpc"]?["data"]?["replayed"]?.bool == true { browser.count("submissions answered with the same job") }
      guard unanswered.removeValue(forKey: submission.key) != nil else { return }
      browser.accepted(submission, as: job)
      browser.begin(job, isStill: submission.isStill)
      subscribe(job)
    case .subscribe(let job): try takeSubscribe(object, of: job, code)
    }
  }

  private func takeSubscribe(_ object: JSONValue, of job: String, _ code: Int?) throws {
    switch code {
    case nil: break
    case 105?: return browser.count("second subscribes refused")
    case 100?:
      browser.count("subscribes refused, repeated")
      guard !standing.contains(job) else { return }
      wanted.remove(job)
      return later { $0.subscribe(job) }
    case 112?:
      browser.count("resets")
      return browser.change(job) { $0.reset() }
    case 109?:
      browser.forgetToken()
      throw RawSocket.Failure.reset
    default: throw refused("subscribe", object)
    }
    guard let result = object["subscribe"] else { return }
    if !standing.insert(job).inserted {
      browser.change(job) { $0.fault(.repeated, "was subscribed twice at once") }
    }
    following(job) { browser.take(result: result, of: job) }
  }

  /// Takes something of a job; of one that has ended by it no more is wanted, now and then.
  private func following(_ job: String, _ take: () -> Void) {
    let hadEnded = browser.streams[job]?.hasEnded ?? false
    take()
    guard !hadEnded, browser.streams[job]?.hasEnded == true, wanted.count > 60 || browser.chance(0.7) else { return }
    standing.remove(job)
    ask(.unsubscribe, #""unsubscribe":{"channel":"job:\#(job)"}"#)
  }

  private func later(_ work: @escaping @EventLoop (SocketTransport) -> Void) {
    guard let socket else { return }
    Task {
      await pause(browser.moment(20...200))
      if self.socket === socket { work(self) }
    }
  }

  private func refused(_ what: String, _ object: JSONValue) -> any Error {
    browser.violate("a \(what) was answered with \(object.text)")
    return RawSocket.Failure.reset
  }
}

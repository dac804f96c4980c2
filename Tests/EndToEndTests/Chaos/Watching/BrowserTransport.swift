import EventLoop

/// How a browser reaches the gateway.
@EventLoop
protocol BrowserTransport: AnyObject {
  /// Stays connected until it is over.
  func run() async
  /// A job that its browser has begun to watch.
  func watch(_ job: String)
}

/// The ways in which the gateway lets clients come back where they were.
enum BrowserKind: String, CaseIterable, Sendable {
  case socket
  case events = "job events"
  case longPoll = "long poll"
  case pushEvents = "uni_sse"
  case pushLines = "uni_http_stream"

  @EventLoop
  func transport(of browser: Browser) -> any BrowserTransport {
    switch self {
    case .socket: SocketTransport(browser)
    case .events: EventStreamTransport(browser)
    case .longPoll: LongPollTransport(browser)
    case .pushEvents, .pushLines: PushStreamTransport(browser)
    }
  }
}

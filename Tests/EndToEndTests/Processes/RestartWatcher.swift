import EventLoop
import Jobs
import Support

/// One who watches a job through restarts: comes back when it is asked away, and goes on where it was.
@EventLoop
final class RestartWatcher {
  private let job: String
  private let port: SharedPort
  private var client: JobClient?
  private var last: (offset: Int, epoch: String)?
  /// The ends that it saw.
  private(set) var ends = 0
  /// How often it connected.
  private(set) var connections = 0
  /// What it saw out of order.
  private(set) var disorder: [String] = []

  init(of job: String, at port: SharedPort) {
    self.job = job
    self.port = port
  }

  /// Connects and begins to watch, or goes on.
  func connect() async throws {
    let client = try await JobClient.connect(to: port.port, token: port.token)
    connections += 1
    let position = last.map { #","recover":true,"offset":\#($0.offset),"epoch":"\#($0.epoch)""# } ?? ""
    _ = try await client.call("subscribe", #"{"channel":"job:\#(job)"\#(position)}"#)
    self.client = client
  }

  /// Watches until the job has ended, and then for as long as it takes to hear that nothing follows.
  func watch() async throws {
    while ends == 0 {
      do {
        if client == nil { try await connect() }
        while ends == 0, let client { note(try await client.nextEvent()) }
      } catch WebSocketClient.Failure.violation {
        // A close frame came in place of a text.
        client = nil
      } catch RawSocket.Failure.ended {
        client = nil
      } catch RawSocket.Failure.reset {
        client = nil
      }
    }
    guard let client else { return }
    let seen = client.events.count
    // What was sent before the answer has come with it.
    _ = try await client.call("unsubscribe", #"{"channel":"job:\#(job)"}"#)
    for event in client.events.dropFirst(seen) { note(event) }
  }

  private func note(_ event: JSONValue) {
    guard let offset = event["offset"]?.int, let epoch = event["epoch"]?.string else {
      disorder.append("no position: \(event.text)")
      return
    }
    let isEnd = event["state"]?.string == "completed"
    // The snapshot that a subscription begins with may be what is known already.
    if let last, offset < last.offset || (offset == last.offset && isEnd) {
      disorder.append("\(offset) after \(last.offset)")
    }
    last = (offset, epoch)
    if isEnd { ends += 1 }
  }
}

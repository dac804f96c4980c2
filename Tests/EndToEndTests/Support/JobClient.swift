import EventLoop
import Jobs
import Support

/// A client of the protocol that remembers what it saw: enough to watch a job and to come back.
@EventLoop
final class JobClient {
  private let socket: WebSocketClient
  private var nextID = 1
  private var waiting: [JSONValue] = []
  /// Publications that came, in order.
  private(set) var events: [JSONValue] = []

  /// The gateway did not let it in.
  struct Refused: Error { let reply: String }

  private init(_ socket: WebSocketClient) { self.socket = socket }

  static func connect(to port: Int, token: String) async throws -> JobClient {
    let client = JobClient(try await WebSocketClient.connect(to: port))
    let reply = try await client.call("connect", #"{"token":"\#(token)"}"#)
    guard reply["error"] == nil else { throw Refused(reply: reply.text.description) }
    return client
  }

  /// Sends a command and returns its reply; publications that come before it are kept, and so is the document
  /// that a subscription begins with, asked for or not: what it tells is told by no event after it.
  func call(_ method: String, _ request: String) async throws -> JSONValue {
    let id = nextID
    nextID += 1
    try await socket.send(#"{"id":\#(id),"\#(method)":\#(request)}"#)
    while true {
      let object = try await next()
      guard object["id"]?.int == id else {
        keep(object)
        continue
      }
      if let data = object["subscribe"]?["data"] { waiting.append(data) }
      return object
    }
  }

  func rpc(_ method: String, _ data: String = "{}") async throws -> JSONValue {
    try await call("rpc", #"{"method":"\#(method)","data":\#(data)}"#)
  }

  /// The next document or publication's data.
  func nextEvent() async throws -> JSONValue {
    while true {
      if !waiting.isEmpty {
        let event = waiting.removeFirst()
        events.append(event)
        return event
      }
      keep(try await next())
    }
  }

  /// Reads on until an event fits, and returns it.
  func event(where fits: (JSONValue) -> Bool) async throws -> JSONValue {
    while true {
      let event = try await nextEvent()
      if fits(event) { return event }
    }
  }

  /// Cuts the connection without a goodbye.
  func drop() { socket.socket.reset() }

  private func keep(_ object: JSONValue) {
    let push = object["push"]
    if let data = push?["pub"]?["data"] ?? push?["subscribe"]?["data"] { waiting.append(data) }
  }

  private var lines: [String] = []

  private func next() async throws -> JSONValue {
    while true {
      if lines.isEmpty {
        lines = try await socket.nextText().split(separator: "\n").map(String.init)
      }
      let object = try JSONDocument(bytes: Array(lines.removeFirst().utf8)).root
      guard object.object?.isEmpty == true else { return object }
      try await socket.send("{}")
    }
  }
}

import Jobs

/// A session at a gateway: the Centrifuge client protocol, JSON form, over one WebSocket.
///
/// Used by one thread: a call waits for its reply and keeps what is pushed meanwhile for ``nextPush``.
final class GatewayClient {
  /// Something the gateway sends unasked.
  struct Push: Sendable {
    var channel: String
    /// A publication with its offset.
    var publication: JSONValue?
    /// The gateway ended the subscription, with this code.
    var unsubscribed: Int?
  }

  private let socket: WebSocketStream
  private var lastID = 0
  private var pushes: [Push] = []
  /// The longest silence that is still life: the gateway's ping interval and ten seconds.
  private var silence = Duration.seconds(35)
  private var heardAt = ContinuousClock.now

  /// How long a reply may take.
  private static let patience = Duration.seconds(10)

  /// Opens a session as the user of the token.
  init(_ server: ServerAddress, token: String) throws(ClientError) {
    socket = try WebSocketStream(server)
    var parameters = JSONWriter()
    parameters.object { connect in
      connect.member("token", token)
      connect.member("name", "fanfare")
      connect.member("version", Fanfare.version)
    }
    let result = try call("connect", parameters.text)
    if let interval = result["ping"]?.int, interval > 0 {
      silence = .seconds(interval) + .seconds(10)
    }
  }

  deinit {
    // Only a courtesy: the gateway sees the socket close in any case.
    try? socket.close()
  }

  /// Asks for something by name; throws `refused` with the gateway's error.
  func remoteCall(_ method: String, _ data: JSONText) throws(ClientError) -> JSONValue {
    var parameters = JSONWriter()
    parameters.object { rpc in
      rpc.member("method", method)
      rpc.member("data", data)
    }
    let result = try call("rpc", parameters.text)
    guard let data = result["data"] else { throw .notUnderstood("an rpc reply without data") }
    return data
  }

  /// Subscribes, from a known position on if one is given; the subscribe result.
  func subscribe(to channel: String, since position: StreamPosition?) throws(ClientError)
    -> JSONValue
  {
    var parameters = JSONWriter()
    parameters.object { subscribe in
      subscribe.member("channel", channel)
      guard let position else { return }
      subscribe.member("recover", true)
      subscribe.member("offset", position.offset)
      subscribe.member("epoch", position.epoch)
    }
    return try call("subscribe", parameters.text)
  }

  /// The next push, in the order sent; nil at the deadline. Throws `unreachable` when the gateway has
  /// been silent for longer than a ping and its grace.
  func nextPush(until deadline: ContinuousClock.Instant) throws(ClientError) -> Push? {
    while pushes.isEmpty {
      guard try receive(until: deadline, awaiting: nil) != nil else { return nil }
    }
    return pushes.removeFirst()
  }

  private func call(_ method: StaticString, _ parameters: JSONText) throws(ClientError) -> JSONValue {
    lastID += 1
    let id = lastID
    var command = JSONWriter()
    command.object { command in
      command.member("id", id)
      command.member(method, parameters)
    }
    try socket.send(command.bytes)
    let deadline = ContinuousClock.now + Self.patience
    while true {
      guard let replies = try receive(until: deadline, awaiting: id) else {
        throw .unreachable("the gateway does not answer")
      }
      guard let reply = replies else { continue }
      if let error = reply["error"] {
        throw .refused(
          code: error["code"]?.int ?? 0, message: error["message"]?.string ?? "no reason given",
          isTemporary: error["temporary"]?.bool ?? false)
      }
      guard let result = reply["\(method)"] else {
        throw .notUnderstood("a reply without \(method)")
      }
      return result
    }
  }

  /// Takes one message; nil at the deadline, else the reply to `id` if it was in it.
  private func receive(
    until deadline: ContinuousClock.Instant, awaiting id: Int?
  ) throws(ClientError) -> JSONValue?? {
    let silent = heardAt + silence
    guard let message = try socket.receive(until: min(deadline, silent)) else {
      if ContinuousClock.now >= silent { throw .unreachable("the gateway has gone silent") }
      return nil
    }
    heardAt = .now
    var reply: JSONValue?
    for line in message.split(separator: UInt8(ascii: "\n")) {
      let value: JSONValue
      do { value = try JSONDocument(bytes: Array(line)).root } catch {
        throw .notUnderstood("a message that is not JSON: \(error)")
      }
      if let replyID = value["id"]?.int {
        if replyID == id { reply = value }
      } else if let push = value["push"] {
        take(push)
      } else {
        try socket.send("{}".utf8)
      }
    }
    return .some(reply)
  }

  private func take(_ push: JSONValue) {
    guard let channel = push["channel"]?.string else { return }
    if let publication = push["pub"] {
      pushes.append(Push(channel: channel, publication: publication))
    } else if let unsubscribe = push["unsubscribe"] {
      pushes.append(Push(channel: channel, unsubscribed: unsubscribe["code"]?.int ?? 2000))
    }
  }
}

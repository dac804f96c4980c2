package import EventLoop
import Jobs
import Logging

/// `/connection/uni_sse` and `/connection/uni_http_stream`: the pushes of a socket for those who only listen
/// (spec §13).
///
/// They are connections, not requests: nothing is counted, and a refusal that concerns the connect request comes as
/// a `disconnect` push. They end with their token.
@EventLoop
package struct UnidirectionalRoutes {
  private let environment: SessionEnvironment
  private let door: Door

  package init(environment: SessionEnvironment, door: Door) {
    self.environment = environment
    self.door = door
  }

  package var routes: [Route] {
    [
      Route(.get, "/connection/uni_sse", .open) { try await connect($0, .pushEvents) },
      Route(.post, "/connection/uni_sse", .open) { try await connect($0, .pushEvents) },
      Route(.post, "/connection/uni_http_stream", .open) { try await connect($0, .pushLines) },
    ]
  }

  /// Bytes of a connect request: a token, and a position for each of 128 channels.
  private static let requestLimit = 64 << 10

  /// Admission comes first, as at a socket's handshake: nothing is read before it.
  private func connect(_ call: Call, _ rendering: StreamRendering) async throws -> Response {
    try door.open(for: call.request)
    try await call.exchange.awaitTurn()
    // A wrong token in the header is a 401, as at a socket's handshake.
    let handshakeIdentity = try await door.admitIfTold(call.request)
    if let handshakeIdentity { try door.count(connectionOf: handshakeIdentity.user) }
    let bytes =
      call.request.method == .post
      ? try await call.exchange.body(limit: Self.requestLimit)
      : Array((call.request.parameter("cf_connect") ?? "").utf8)
    let identity: Identity
    let request: JSONValue
    do throws(Disconnect) {
      request = try Self.request(in: bytes)
      identity = try await self.identity(in: request, or: handshakeIdentity)
    } catch {
      return Self.refusal(error, rendering)
    }
    let budget = await environment.limiter.standing(of: identity.user)
    let events = EventStream(rendering, for: identity, in: environment)
    let resumptions = await environment.resumptions(in: request, as: identity) {
      let opening = await environment.openUnasked($0, for: events, as: identity)
      if let opening { events.add(opening) }
      return opening
    }
    if call.exchange.isClosed {
      events.close()
      return Response(204)
    }
    events.append(connected(events, as: identity, with: budget, resumptions, rendering))
    return events.response(to: call)
  }

  /// The connect request, which is the payload itself; none at all asks for nothing.
  private static func request(in bytes: [UInt8]) throws(Disconnect) -> JSONValue {
    let request: JSONValue
    do throws(JSONError) {
      request = try JSONDocument(bytes: bytes.isEmpty ? Array("{}".utf8) : bytes).root
    } catch { throw .badRequest }
    guard request.object != nil else { throw .badRequest }
    return request
  }

  private func identity(
    in request: JSONValue, or handshakeIdentity: Identity?
  ) async throws(Disconnect) -> Identity {
    guard let token = request["token"]?.string, !token.isEmpty else {
      guard let handshakeIdentity else { throw .badRequest }
      return handshakeIdentity
    }
    let identity: Identity
    do throws(TokenError) {
      identity = try await environment.authenticator.admit(token, now: environment.now)
    } catch {
      environment.logger.info("a token was refused", metadata: ["reason": "\(error)"])
      switch error {
      // There is no reply that could ask for a fresh token: who has one comes back with it.
      case .expired, .notYetValid: throw .expired
      // It may be good: who comes back finds out.
      case .unavailable: throw .serverError
      default: throw .invalidToken
      }
    }
    // Who said it in the header was counted there.
    if handshakeIdentity == nil {
      do throws(Problem) { try door.count(connectionOf: identity.user) } catch { throw .tooManyRequests }
    }
    return identity
  }

  private func connected(
    _ events: EventStream, as identity: Identity, with budget: BudgetStanding,
    _ resumptions: [SessionEnvironment.Resumption], _ rendering: StreamRendering
  ) -> PreparedFrame {
    var writer = JSONWriter()
    writer.object {
      $0.object("connect") {
        environment.write(connected: events.id.description, as: identity, with: budget, into: &$0)
        let ping = environment.settings.pingInterval
        if ping > .zero { $0.member("ping", Int(ping.milliseconds / 1000)) }
        $0.write(resumptions)
      }
    }
    return rendering.frame(ofPush: writer.bytes)
  }

  private static func refusal(_ disconnect: Disconnect, _ rendering: StreamRendering) -> Response {
    let frame = rendering.frame(ofPush: Reply.disconnectPush(disconnect))
    return Response(
      200, headers: [("content-type", rendering.contentType), ("cache-control", "no-store")],
      body: .bytes(frame.bytes))
  }
}

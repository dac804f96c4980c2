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
  private let origins: OriginPolicy
  private let isDraining: @EventLoop () -> Bool

  package init(
    environment: SessionEnvironment, door: Door, origins: OriginPolicy,
    isDraining: @escaping @EventLoop () -> Bool
  ) {
    self.environment = environment
    self.door = door
    self.origins = origins
    self.isDraining = isDraining
  }

  package var routes: [Route] {
    [
      Route(.get, "/connection/uni_sse", .open) { call in
        try await connect(call, .pushEvents, with: Array((call.request.parameter("cf_connect") ?? "").utf8))
      },
      Route(.post, "/connection/uni_sse", .open) { call in
        try await connect(call, .pushEvents, with: call.exchange.body(limit: Self.requestLimit))
      },
      Route(.post, "/connection/uni_http_stream", .open) { call in
        try await connect(call, .pushLines, with: call.exchange.body(limit: Self.requestLimit))
      },
    ]
  }

  /// Bytes of a connect request: a token, and a position for each of 128 channels.
  private static let requestLimit = 64 << 10

  private func connect(
    _ call: Call, _ rendering: StreamRendering, with bytes: [UInt8]
  ) async throws -> Response {
    if isDraining() { throw Problem(.shuttingDown, status: 503, retryAfter: .seconds(1)) }
    guard origins.isAllowed(call.request) else {
      throw Problem(.originRefused, status: 403, detail: "Add the origin to gateway.allowed_origins.")
    }
    // A wrong token in the header is a 401, as at a socket's handshake.
    let handshakeIdentity = try door.identifyIfTold(call.request)
    let identity: Identity
    let request: JSONValue
    do throws(Disconnect) {
      request = try Self.request(in: bytes)
      identity = try self.identity(in: request, or: handshakeIdentity)
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
  ) throws(Disconnect) -> Identity {
    guard let token = request["token"]?.string, !token.isEmpty else {
      guard let handshakeIdentity else { throw .badRequest }
      return handshakeIdentity
    }
    do throws(TokenError) {
      return try environment.authenticator.authenticate(token, now: environment.now())
    } catch {
      environment.logger.info("a token was refused", metadata: ["reason": "\(error)"])
      // There is no reply that could ask for a fresh token: who has one comes back with it.
      throw error == .expired || error == .notYetValid ? .expired : .invalidToken
    }
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

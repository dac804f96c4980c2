package import EventLoop
import FoundationEssentials
import Jobs

/// `/v1/development/token`: a token for anybody who asks. Only on a loopback address, only when
/// development is enabled: so that the page works in the first minute.
@EventLoop
package struct DevelopmentRoutes {
  private let issuer: TokenIssuer
  private let now: @Sendable () -> Date

  package init(issuer: TokenIssuer, environment: SessionEnvironment) {
    self.issuer = issuer
    now = environment.now
  }

  package var routes: [Route] {
    [Route(.post, "/v1/development/token", .open, handler: token)]
  }

  private func token(_ call: Call) async throws -> Response {
    // A page of another origin must not be able to draw tokens through somebody's browser.
    if let site = call.request.headers["sec-fetch-site"], site != "same-origin", site != "none" {
      throw Problem(.originRefused, status: 403)
    }
    let body = try await call.exchange.body(limit: 4 << 10)
    let user: String
    do throws(JSONError) {
      user = try JSONDocument(bytes: body).root["user"]?.string ?? ""
    } catch {
      throw Problem.invalid([.init("", "is not JSON: \(error)")])
    }
    let lifetime = Duration.seconds(3600)
    let token: String
    do throws(TokenError) {
      token = try issuer.connectionToken(user: user, lifetime: lifetime, now: now())
    } catch {
      throw Problem.invalid([.init("/user", "must be 1 to 255 bytes of text")])
    }
    var writer = JSONWriter()
    writer.object {
      $0.member("token", token)
      $0.member("expires_in", Int(lifetime.components.seconds))
    }
    return Response(
      200, headers: [("content-type", "application/json"), ("cache-control", "no-store")],
      body: .bytes(writer.bytes))
  }
}

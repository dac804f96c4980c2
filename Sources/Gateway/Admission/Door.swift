package import EventLoop
import FoundationEssentials
import Jobs

/// Who is let in: which connections may begin, and whose the token of a request is.
@EventLoop
package final class Door {
  private let environment: SessionEnvironment
  private let origins: OriginPolicy
  private let isDraining: @EventLoop () -> Bool

  package init(
    environment: SessionEnvironment, origins: OriginPolicy, isDraining: @escaping @EventLoop () -> Bool
  ) {
    self.environment = environment
    self.origins = origins
    self.isDraining = isDraining
  }

  // MARK: Connections

  /// Lets a connection begin that stays, a socket or a stream of pushes. Throws a 503 while the gateway is on its way
  /// out, and a 403 for a page of an origin that may not.
  package func open(for request: Request) throws(Problem) {
    guard !isDraining() else { throw Problem(.shuttingDown, status: 503, retryAfter: .seconds(1)) }
    guard origins.isAllowed(request) else {
      throw Problem(.originRefused, status: 403, detail: "Add the origin to gateway.allowed_origins.")
    }
  }

  /// Counts a connection of the user; throws a 429 where there are too many.
  package func count(connectionOf user: String) throws(Problem) {
    guard let wait = environment.handshakes.connects(as: user, at: ContinuousClock.now) else { return }
    throw Problem(
      .quotaExceeded, status: 429, detail: "This user opens sockets too often.",
      retryAfter: HandshakeAdmission.spread(wait))
  }

  // MARK: Tokens

  /// Who sends the request; throws a 401 without a token or with a bad one, and a 503 where it cannot be judged
  /// (``LiveAuthenticator/admit(_:now:)``).
  package func admit(_ request: Request) async throws(Problem) -> Identity {
    guard let identity = try await admitIfTold(request) else { throw Problem(.missingToken, status: 401) }
    return identity
  }

  /// The same; nil where it carries no token.
  package func admitIfTold(_ request: Request) async throws(Problem) -> Identity? {
    guard let token = try token(in: request) else { return nil }
    do throws(TokenError) {
      return try await environment.authenticator.admitAgain(token, now: environment.now)
    } catch { throw Problem(error) }
  }

  /// The same for who cannot wait. A token that names a key that is not known, where newer ones can be asked for, is a
  /// 503, and they are.
  package func identifyIfTold(_ request: Request) throws(Problem) -> Identity? {
    guard let token = try token(in: request) else { return nil }
    do throws(TokenError) {
      return try environment.authenticator.authenticate(token, now: environment.now())
    } catch {
      guard error.mayBeMendedByKeys, let refresh = environment.authenticator.keyRefresh else {
        throw Problem(error)
      }
      Task { @EventLoop in _ = await refresh() }
      throw Problem(TokenError.unavailable)
    }
  }

  /// The header's token or, where configured, the cookie's. A cookie counts only where the policy takes it: browsers
  /// send it along whoever asks.
  private func token(in request: Request) throws(Problem) -> String? {
    if let authorization = request.headers["authorization"] {
      let words = authorization.split(separator: " ", maxSplits: 1)
      guard words.count == 2, words[0].lowercased() == "bearer" else {
        throw Problem(
          .invalidToken, status: 401, detail: "The Authorization header is not of the form Bearer.")
      }
      return String(words[1].drop { $0 == " " })
    }
    guard let name = environment.settings.tokenCookie, let cookies = request.headers["cookie"],
      origins.takesCookie(of: request)
    else { return nil }
    for cookie in cookies.split(separator: ";") {
      let parts = cookie.split(separator: "=", maxSplits: 1)
      if parts.count == 2, parts[0].drop(while: { $0 == " " }) == name { return String(parts[1]) }
    }
    return nil
  }
}

extension Problem {
  /// Why a token is not taken.
  init(_ error: TokenError) {
    self =
      error == .unavailable
      ? Problem(.tokenUnverifiable, status: 503, detail: error.description, retryAfter: .seconds(1))
      : Problem(.invalidToken, status: 401, detail: error.description)
  }
}

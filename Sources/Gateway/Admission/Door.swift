package import EventLoop
import FoundationEssentials
import Jobs

/// Finds the token in a request and tells whose it is.
@EventLoop
package final class Door {
  private let environment: SessionEnvironment
  private let origins: OriginPolicy

  package init(environment: SessionEnvironment, origins: OriginPolicy) {
    self.environment = environment
    self.origins = origins
  }

  /// Who sends the request; throws a 401 without a token or with a bad one.
  package func identify(_ request: Request) throws(Problem) -> Identity {
    guard let identity = try identifyIfTold(request) else {
      throw Problem(.missingToken, status: 401)
    }
    return identity
  }

  /// The same for who can wait until it can be judged (``LiveAuthenticator/admit(_:now:)``).
  package func admit(_ request: Request) async throws(Problem) -> Identity {
    guard let token = try token(in: request) else { throw Problem(.missingToken, status: 401) }
    do throws(TokenError) {
      return try await environment.authenticator.admit(token, now: environment.now)
    } catch { throw Problem(error) }
  }

  /// Who sends the request, nil where it carries no token; a bad one is a 401. One that names a key that is not known,
  /// where newer ones can be asked for, is a 503, and they are.
  package func identifyIfTold(_ request: Request) throws(Problem) -> Identity? {
    guard let token = try token(in: request) else { return nil }
    do throws(TokenError) {
      return try environment.authenticator.authenticate(token, now: environment.now())
    } catch {
      guard error == .unknownKey, let refresh = environment.authenticator.keyRefresh else {
        throw Problem(error)
      }
      Task { @EventLoop in _ = await refresh() }
      throw Problem(TokenError.unavailable)
    }
  }

  /// The header's token or, where configured, the cookie's. A cookie counts only from an allowed
  /// origin: browsers send it along whoever asks.
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
      origins.isAllowed(request)
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

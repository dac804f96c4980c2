import EventLoop
import Foundation
import Jobs
import Testing

@testable import Gateway

@Suite("A token that is shown again") @EventLoop struct VerifiedTokensTests {
  private let live: LiveAuthenticator

  init() throws { live = LiveAuthenticator(try SampleTokens.authenticator(), knowsRevocations: true) }

  private func admit(_ token: String, at now: Date = SampleTokens.now) async throws -> String {
    try await live.admitAgain(token) { now }.user
  }

  @Test("is who it was, until it ends")
  func expiry() async throws {
    let token = SampleTokens.goodToken(adding: #","nbf":1800000000,"iat":1800000000"#)
    let leeway = TokenPolicy().leeway / .seconds(1)
    #expect(try await admit(token) == "ada")
    #expect(try await admit(token, at: SampleTokens.now + 599) == "ada")
    await #expect(throws: TokenError.expired) {
      try await admit(token, at: SampleTokens.now.addingTimeInterval(600 + leeway))
    }
    // A clock that was set back is judged by as well.
    #expect(try await admit(token) == "ada")
    await #expect(throws: TokenError.notYetValid) { try await admit(token, at: SampleTokens.now - 3600) }
  }

  @Test("is void from its revocation on")
  func revoked() async throws {
    let token = SampleTokens.goodToken(adding: #","jti":"t""#)
    #expect(try await admit(token) == "ada")
    live.revoke(Revocation(.token("t"), at: .now, until: .now + .seconds(3600)))
    await #expect(throws: TokenError.revoked) { try await admit(token) }
  }

  @Test("is judged anew by other keys")
  func otherKeys() async throws {
    let token = SampleTokens.goodToken()
    #expect(try await admit(token) == "ada")
    live.exchange(try Authenticator(keys: [SampleTokens.key(.hs384).verificationKey()]))
    await #expect(throws: TokenError.self) { try await admit(token) }
  }

  @Test("is not another that begins or ends like it")
  func others() async throws {
    let token = SampleTokens.goodToken()
    #expect(try await admit(token) == "ada")
    for forged in [token + "A", String(token.dropLast()), SampleTokens.goodToken(adding: " ") + "x"] {
      await #expect(throws: TokenError.self) { try await admit(forged) }
    }
  }

  @Test("is forgotten behind thousands of others, which are not kept for ever")
  func bounded() {
    var tokens = VerifiedTokens()
    let identity = Identity(user: "ada", permissions: [], expiresAt: SampleTokens.now + 600)
    for number in 0..<3 * VerifiedTokens.limit {
      tokens.keep(identity, of: "token \(number)", now: SampleTokens.now)
      // One that is in use stays.
      _ = tokens.identity(of: "token 7", now: SampleTokens.now, leeway: .zero)
      #expect(tokens.count <= VerifiedTokens.limit)
    }
    #expect(tokens.identity(of: "token 7", now: SampleTokens.now, leeway: .zero) == identity)
    #expect(tokens.identity(of: "token 8", now: SampleTokens.now, leeway: .zero) == nil)
    tokens.keep(identity, of: String(repeating: "x", count: VerifiedTokens.longest + 1), now: SampleTokens.now)
    #expect(tokens.count <= VerifiedTokens.limit)
  }
}

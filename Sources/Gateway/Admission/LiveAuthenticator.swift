package import EventLoop
package import FoundationEssentials
package import Jobs

/// The authenticator of a running gateway: its keys can be exchanged while sockets stay, and it knows what was revoked
/// since, and who lives by which token.
@EventLoop
package final class LiveAuthenticator {
  private var authenticator: Authenticator
  private var verified = VerifiedTokens()
  private var revocations = Revocations()
  private let holders = TokenHolders()
  /// Whether the list of revocations was read: before that nobody can be let in for sure.
  private var knowsRevocations: Bool
  private let revocationsRead = Bell()

  /// Asks wherever keys come from for newer ones, when a token names a key that is not known; nil: there is no such
  /// place.
  package var keyRefresh: (@EventLoop () async -> KeyRefresh)?

  /// How long who shows a token waits for the list of revocations.
  private static let patience = Duration.seconds(2)

  /// `knowsRevocations`: nobody has to wait for a list.
  package init(_ authenticator: Authenticator, knowsRevocations: Bool = false) {
    self.authenticator = authenticator
    self.knowsRevocations = knowsRevocations
  }

  // MARK: Tokens

  /// As ``Authenticator/authenticate(_:now:)``; `revoked` for a token that is void, `unavailable` where that cannot be
  /// said because the list was not read yet.
  package func authenticate(
    _ token: some StringProtocol, now: Date
  ) throws(TokenError) -> Identity {
    let identity = try authenticator.authenticate(token, now: now)
    guard knowsRevocations else { throw .unavailable }
    guard !revocations.isVoid(identity) else { throw .revoked }
    return identity
  }

  /// As ``Authenticator/authenticateSubscription(_:channel:user:client:now:)``; `revoked` for one that is void.
  package func authenticateSubscription(
    _ token: some StringProtocol, channel: String, user: String, client: String? = nil, now: Date
  ) throws(TokenError) -> SubscriptionGrant {
    let grant = try authenticator.authenticateSubscription(
      token, channel: channel, user: user, client: client, now: now)
    guard knowsRevocations else { throw .unavailable }
    guard !revocations.isVoid(grant) else { throw .revoked }
    return grant
  }

  /// The same for who can wait: until the list of revocations was read, and for newer keys where the token names one
  /// that is not known. Both waits are bounded; when they do not help it throws `unavailable`.
  package func admit(_ token: String, now: @Sendable () -> Date) async throws(TokenError) -> Identity {
    try await withNewestKeys { () throws(TokenError) in try authenticate(token, now: now()) }
  }

  /// ``authenticateSubscription(_:channel:user:client:now:)`` for who can wait, as ``admit(_:now:)``.
  package func admitSubscription(
    _ token: String, channel: String, user: String, client: String? = nil, now: @Sendable () -> Date
  ) async throws(TokenError) -> SubscriptionGrant {
    try await withNewestKeys { () throws(TokenError) in
      try authenticateSubscription(token, channel: channel, user: user, client: client, now: now())
    }
  }

  private func withNewestKeys<Result>(
    _ judge: @EventLoop () throws(TokenError) -> Result
  ) async throws(TokenError) -> Result {
    try await prepare()
    do throws(TokenError) { return try judge() } catch {
      guard error.mayBeMendedByKeys, let keyRefresh else { throw error }
      switch await keyRefresh() {
      case .done: return try judge()
      case .notNow: throw error
      case .failed: throw .unavailable
      }
    }
  }

  /// As ``admit(_:now:)``, for a token that is shown with each of many requests: it is verified once, and whether it
  /// still holds is asked each time.
  package func admitAgain(_ token: String, now: @Sendable () -> Date) async throws(TokenError) -> Identity {
    let moment = now()
    if knowsRevocations, let known = verified.identity(of: token, now: moment, leeway: authenticator.leeway) {
      guard !revocations.isVoid(known) else { throw .revoked }
      return known
    }
    let identity = try await admit(token, now: now)
    verified.keep(identity, of: token, now: moment)
    return identity
  }

  /// Returns once the list of revocations was read; throws `unavailable` where that takes too long.
  package func prepare() async throws(TokenError) {
    guard !knowsRevocations else { return }
    await revocationsRead.wait(upTo: Self.patience)
    guard knowsRevocations else { throw .unavailable }
  }

  /// Whether a token that was good has been revoked since.
  package func isVoid(_ token: some RevocableToken) -> Bool { revocations.isVoid(token) }

  // MARK: What changes

  /// Judges by other keys from now on. Who is connected stays.
  package func exchange(_ authenticator: Authenticator) {
    self.authenticator = authenticator
    verified.removeAll()
  }

  /// Takes in a revocation, and ends who lives by a token that is void by it.
  package func revoke(_ revocation: Revocation, now: Timestamp = .now) {
    revocations.sweep(at: now)
    guard revocations.add(revocation) else { return }
    for holder in holders.holders(of: revocation.subject) {
      guard let token = holder.heldToken, revocations.isVoid(token) else { continue }
      holder.tokenWasRevoked()
    }
  }

  /// The list was read whole.
  package func revocationsAreKnown() {
    knowsRevocations = true
    revocationsRead.ring()
  }

  // MARK: Holders

  /// Ends `holder` when the token it lives by is revoked; until ``release(_:of:)``.
  package func hold(_ holder: any TokenHolder, of token: some RevocableToken) { holders.add(holder, of: token) }

  /// The holder lives by this token no more. Harmless when it did not.
  package func release(_ holder: any TokenHolder, of token: some RevocableToken) {
    holders.remove(holder, of: token)
  }

  /// Who lives by a token.
  package var holderCount: Int { holders.count }
}

/// What came of asking for newer keys.
package enum KeyRefresh: Hashable, Sendable {
  /// The keys are those of now.
  case done
  /// They were asked for a moment ago.
  case notNow
  /// They could not be had.
  case failed
}

/// How often sockets may be opened: by one address, by one user, and in this process together. A value:
/// ``HandshakeQueue`` and the sessions act on its answers.
///
/// Each rate is a bucket of tokens. That of an address or a user holds ten seconds' worth, because browsers
/// come back with all their tabs at once; that of the process a tenth of a second's, so that a herd never
/// takes the loop from those who are connected.
package struct HandshakeAdmission {
  package typealias Instant = ContinuousClock.Instant

  private let total: Rate?
  private let perAddress: Rate?
  private let perUser: Rate?
  private var totalLevel: Instant?
  private var addresses = SweptTable<Instant>()
  private var users = SweptTable<Instant>()

  /// Handshakes a second; 0 for no limit.
  package init(perSecond: Int = 0, perAddress: Int = 0, perUser: Int = 0) {
    total = Rate(perSecond, holding: .milliseconds(100))
    self.perAddress = Rate(perAddress, holding: .seconds(10))
    self.perUser = Rate(perUser, holding: .seconds(10))
  }

  /// Counts a handshake of the address; returns, uncounted, after which time it would be let in.
  package mutating func arrives(from address: String, at now: Instant) -> Duration? {
    perAddress?.take(address, of: &addresses, at: now)
  }

  /// The same of a user.
  package mutating func connects(as user: String, at now: Instant) -> Duration? {
    perUser?.take(user, of: &users, at: now)
  }

  /// Counts a handshake of the process; returns, uncounted, after which time it may begin.
  package mutating func begins(at now: Instant) -> Duration? {
    total?.take(from: &totalLevel, at: now)
  }

  /// A wait to be told to a client: longer than needed by a random time, so that those who were refused
  /// together do not come back together.
  package static func spread(_ wait: Duration) -> Duration { wait + .seconds(Double.random(in: 0...5)) }

  /// A bucket's rate and size. Its level is kept as one instant: when the bucket will be full again.
  private struct Rate {
    /// In which a token comes.
    let interval: Duration
    /// How far ahead of a full bucket may be taken.
    let reach: Duration

    init?(_ perSecond: Int, holding time: Duration) {
      guard perSecond > 0 else { return nil }
      interval = .seconds(1) / perSecond
      // At least one token.
      reach = max(.zero, time - interval)
    }

    func take(from level: inout Instant?, at now: Instant) -> Duration? {
      let full = max(level ?? now, now)
      let excess = full - now - reach
      guard excess <= .zero else { return excess }
      level = full + interval
      return nil
    }

    func take(_ key: String, of table: inout SweptTable<Instant>, at now: Instant) -> Duration? {
      var level = table[key]
      if let wait = take(from: &level, at: now) { return wait }
      if let level { table.set(key, to: level) { $0 > now } }
      return nil
    }
  }
}

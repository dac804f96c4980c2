package import EventLoop
package import FoundationEssentials
package import Jobs
package import Logging

/// What all sessions of a node share.
@EventLoop
package final class SessionEnvironment {
  package let settings: GatewaySettings
  package let authenticator: LiveAuthenticator
  package let hub: Hub
  package let verbs: JobVerbs
  package let groups: GroupVerbs
  package let procedures: Procedures
  package let limiter: RateLimiter
  package let wheel: TimerWheel
  /// Where streams and long polls enter that have to end when the gateway goes.
  package let drain: Drain
  package let flushes: FlushSchedule
  package let logger: Logger
  /// Who watches what: this node alone, until it is told how to ask the others.
  package var presence: any PresenceSource
  /// The sockets that users open.
  var handshakes: HandshakeAdmission
  /// The wall clock that tokens are judged by.
  package let now: @Sendable () -> Date

  package init(
    settings: GatewaySettings, authenticator: LiveAuthenticator, hub: Hub, verbs: JobVerbs, groups: GroupVerbs,
    procedures: Procedures, limiter: RateLimiter, wheel: TimerWheel, flushes: FlushSchedule, logger: Logger,
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.settings = settings
    self.authenticator = authenticator
    self.hub = hub
    presence = LocalPresence(hub: hub)
    self.verbs = verbs
    self.groups = groups
    self.procedures = procedures
    self.limiter = limiter
    self.wheel = wheel
    drain = Drain(wheel: wheel)
    self.flushes = flushes
    self.logger = logger
    self.now = now
    handshakes = HandshakeAdmission(perUser: settings.handshakesPerUser)
  }

  /// What a subject's watchers are told first, if the user may see it. What is somebody else's is as unknown
  /// as what never was.
  package func record(
    of subject: Subject, for identity: Identity
  ) async throws(Problem) -> WatchedRecord {
    switch subject {
    case .job(let id):
      let job = try await verbs.job(id, for: identity)
      return .job(job, estimate: await verbs.estimate(for: job))
    case .group(let id): return .group(try await groups.group(id, for: identity))
    }
  }

  /// Throws where the user may not watch the channel.
  package func requireSight(of channel: Channel, for identity: Identity) async throws(Problem) {
    switch channel {
    case .job(let id): _ = try await verbs.job(id, for: identity)
    case .group(let id): _ = try await groups.group(id, for: identity)
    case .user(let user):
      guard identity.permissions.allows(.read), user == identity.user || identity.permissions.allows(.admin)
      else { throw Problem(.permissionDenied, status: 403) }
    }
  }
}

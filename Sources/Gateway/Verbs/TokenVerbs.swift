package import EventLoop
package import FoundationEssentials
package import Jobs

/// Tokens made void before their time, the same over sockets and HTTP.
@EventLoop
package final class TokenVerbs {
  private let broker: any Broker
  private let memory: Duration
  private let now: @Sendable () -> Date

  /// `memory` is how long a revocation is remembered of which nobody says when its tokens expire.
  package init(broker: any Broker, memory: Duration, now: @escaping @Sendable () -> Date = { Date() }) {
    self.broker = broker
    self.memory = memory
    self.now = now
  }

  /// Revokes a token or a user's tokens. Everybody's needs `admin`; one's own `jobs:manage` ("log me out everywhere").
  ///
  /// `expiry` is when the one token expires by itself: it is remembered until a minute after that.
  package func revoke(
    _ subject: Revocation.Subject, expiry: Timestamp?, by identity: Identity
  ) async throws(Problem) -> RevocationAnswer {
    try identity.require(subject == .user(identity.user) ? .manage : .admin)
    var memory = memory
    if let expiry {
      let left = Double(expiry.milliseconds) / 1000 - now().timeIntervalSince1970
      guard left < 10 * 366 * 86_400 else {
        throw .invalid([.init("/expires_at", "must be a moment within ten years")])
      }
      memory = .milliseconds(Int64(max(0, left) * 1000)) + .seconds(60)
    }
    return try await solving { () async throws(BrokerError) in
      try await broker.revoke(subject, for: memory)
    }
  }

  /// A page of what is revoked. Needs `admin`.
  package func revocations(
    after cursor: String?, limit: Int, for identity: Identity
  ) async throws(Problem) -> RevocationPage {
    try identity.require(.admin)
    return try await solving { () async throws(BrokerError) in
      try await broker.revocations(after: cursor, limit: limit)
    }
  }
}

extension Revocation {
  /// The members, without braces.
  fileprivate func write(into writer: inout JSONWriter) {
    switch subject {
    case .token(let id): writer.member("token", id)
    case .user(let user): writer.member("user", user)
    }
    writer.member("at", at.milliseconds)
    writer.member("until", until.milliseconds)
  }
}

extension Procedures {
  static func tokens(_ verbs: TokenVerbs) -> [Procedure] {
    [
      Procedure("token.revoke") { reader, identity throws(Problem) in
        let user = reader.text("user")
        let id = reader.text("token")
        let expiry = reader.time("expires_at")
        if (user == nil) == (id == nil), reader.faults.isEmpty {
          reader.fault("user", "is wanted, or token: one of the two")
        }
        for (name, text) in [("user", user), ("token", id)] where text.map(TokenClaims.isName) == false {
          reader.fault(name, "must be what a token may name: no control characters, in composed form")
        }
        if user != nil, expiry != nil { reader.fault("expires_at", "is for one token alone") }
        try reader.finish()
        let subject: Revocation.Subject = if let user { .user(user) } else { .token(id ?? "") }
        let answer = try await verbs.revoke(subject, expiry: expiry, by: identity)
        var writer = JSONWriter()
        writer.object { object in
          object.object("revocation") { answer.revocation.write(into: &$0) }
          if answer.durability == .local { object.member("durability", answer.durability.rawValue) }
        }
        return .created(writer.text)
      },
      Procedure("token.revocations") { reader, identity throws(Problem) in
        let limit = reader.whole("limit", in: 1...1000) ?? 100
        let cursor = reader.text("cursor", upTo: 1000)
        try reader.finish()
        let page = try await verbs.revocations(after: cursor, limit: limit, for: identity)
        var writer = JSONWriter(reserving: 1024)
        writer.object { object in
          object.array("revocations") { list in
            for revocation in page.revocations { list.object { revocation.write(into: &$0) } }
          }
          object.member("cursor", page.next)
        }
        return .document(writer.text)
      },
    ]
  }
}

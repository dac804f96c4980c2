import EventLoop
import Jobs

/// `history`, `presence` and `presence_stats` (spec §7): what is known of a channel, without watching it.
extension Session {
  /// What a user asks for, and no SDK by itself: one request of the budget.
  func look(_ command: Command) async throws(ReplyError) {
    guard let identity else { throw .unauthorized }
    try await spend(by: identity)
    switch command.method {
    case .history: try await history(command)
    case .presence: try await presence(command)
    default: try await presenceStats(command)
    }
  }

  /// The history of a job or a group is its record: one publication, the newest, which says all that those before
  /// it said.
  private func history(_ command: Command) async throws(ReplyError) {
    let channel = try channel(of: command)
    guard let subject = Subject(of: channel) else { throw .notAvailable }
    let query = try HistoryQuery(reading: command.request)
    let record = try await record(of: subject)
    let publications = try query.publications(of: record)
    send(
      Reply.success(to: command) {
        $0.array("publications") { list in
          for publication in publications { list.object { publication.writePublication(into: &$0) } }
        }
        $0.member("epoch", record.position.epoch)
        $0.member("offset", record.position.offset)
      })
  }

  /// How many watch the channel, for whoever may watch it.
  private func presenceStats(_ command: Command) async throws(ReplyError) {
    let channel = try channel(of: command)
    try await requireSight(of: channel)
    let count = await environment.presence.count(on: channel)
    send(
      Reply.success(to: command) {
        $0.member("num_clients", count.clients)
        $0.member("num_users", count.users)
      })
  }

  /// Who watches the channel, for its owner and for an admin: to be let in by a token shows the job,
  /// not who else looks at it.
  private func presence(_ command: Command) async throws(ReplyError) {
    let channel = try channel(of: command)
    guard let identity else { throw .unauthorized }
    if grants[channel] != nil, !identity.permissions.allows(.admin) {
      do throws(ReplyError) { try await requireSight(of: channel, as: identity) } catch {
        throw .permissionDenied
      }
    } else {
      try await requireSight(of: channel, as: identity)
    }
    let present = await environment.presence.present(on: channel)
    send(
      Reply.success(to: command) {
        $0.object("presence") { list in
          for client in present {
            list.object(named: client.id) {
              $0.member("client", client.id)
              $0.member("user", client.user)
            }
          }
        }
      })
  }

  /// By what right the user looks at the channel: a subscription token's, else its own.
  private func sight(of channel: Channel) throws(ReplyError) -> Identity {
    guard let identity else { throw .unauthorized }
    return grants[channel] == nil ? identity : identity.seeingEverything
  }

  private func record(of subject: Subject) async throws(ReplyError) -> WatchedRecord {
    let identity = try sight(of: subject.channel)
    do throws(Problem) { return try await environment.record(of: subject, for: identity) } catch {
      throw ReplyError(watching: error)
    }
  }

  private func requireSight(of channel: Channel) async throws(ReplyError) {
    try await requireSight(of: channel, as: sight(of: channel))
  }

  private func requireSight(of channel: Channel, as identity: Identity) async throws(ReplyError) {
    do throws(Problem) { try await environment.requireSight(of: channel, for: identity) } catch {
      throw ReplyError(watching: error)
    }
  }
}

/// What a `history` command asks for.
struct HistoryQuery {
  private var limit = 0
  private var since: (offset: UInt64, epoch: String?)?
  private var isReverse = false

  /// Throws 107 where a member is none.
  init(reading request: JSONValue) throws(ReplyError) {
    if let given = request["limit"] {
      guard let number = given.int, number >= -1 else { throw .badRequest }
      limit = number
    }
    if let given = request["since"] {
      guard given.object != nil else { throw .badRequest }
      let (offset, epoch) = try Recovery.Request.position(in: given)
      since = (offset ?? 0, epoch)
    }
    if let given = request["reverse"] {
      guard let flag = given.bool else { throw .badRequest }
      isReverse = flag
    }
  }

  /// What the record answers; throws 112 where the position is of another epoch.
  @EventLoop
  func publications(of record: WatchedRecord) throws(ReplyError) -> [Publication] {
    if let epoch = since?.epoch, epoch != record.position.epoch { throw .unrecoverablePosition }
    // None: the position alone is asked for; -1: all there is.
    guard limit != 0, record.position.offset > 0 else { return [] }
    if let since {
      // Exclusive both ways (spec §7).
      let top = record.position.offset
      guard isReverse ? top < since.offset : top > since.offset else { return [] }
    }
    return [Publication(record)]
  }
}

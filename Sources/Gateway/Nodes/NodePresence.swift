import EventLoop
import Jobs
import Logging

/// The presence of all nodes: this one's as its hub has it, and the others' as they tell when they are asked.
///
/// A question is bounded in time. One that a node did not answer is answered without it, and that is logged: the
/// protocol has no words for it. An answer is bounded, too (``SurveyAnswer/byteLimit``): of what a node cannot list
/// in it, it tells the number.
@EventLoop
final class NodePresence: PresenceSource {
  private let node: Node
  private let local: LocalPresence
  private let logger: Logger
  private let limit: Duration

  /// Also lets `node` answer for `hub` when others ask. Waits `limit` for the others.
  init(of node: Node, hub: Hub, within limit: Duration = .milliseconds(500), logger: Logger) {
    self.node = node
    self.limit = limit
    self.logger = logger
    let local = LocalPresence(hub: hub)
    self.local = local
    node.answers(Self.present) { name in
      Channel(name).map { Self.text(of: local.present(on: $0), as: Self.present) }
    }
    node.answers(Self.users) { name in
      Channel(name).map { Self.text(of: local.present(on: $0), as: Self.users) }
    }
  }

  /// What is asked: who is there, or how many and which users.
  private static let present = "presence"
  private static let users = "presence_stats"

  package func present(on channel: Channel) async -> [PresentClient] {
    let answers = await ask(Self.present, about: channel)
    let unlisted = answers.reduce(0) { $0 + $1.count - $1.clients.count }
    if unlisted > 0 {
      logger.notice(
        "not all who watch could be listed", metadata: ["channel": "\(channel)", "unlisted": "\(unlisted)"])
    }
    return local.present(on: channel) + answers.flatMap(\.clients)
  }

  package func count(on channel: Channel) async -> PresenceCount {
    let answers = await ask(Self.users, about: channel)
    let here = local.present(on: channel)
    let users = Set(here.map(\.user)).union(answers.flatMap(\.users))
    // Of those who are not named it is not known whether another node named them.
    let unnamed = answers.reduce(0) { $0 + $1.userCount - $1.users.count }
    return PresenceCount(
      clients: answers.reduce(here.count) { $0 + $1.count }, users: users.count + unnamed)
  }

  /// What the other nodes say.
  private func ask(_ topic: String, about channel: Channel) async -> [Answer] {
    let result = await node.survey(topic, about: channel.description, within: limit)
    if !result.isWhole {
      logger.notice(
        "presence is told without every node",
        metadata: ["channel": "\(channel)", "missing": result.couldAsk ? "\(result.missing)" : "all others"])
    }
    // This node's own is the first, and cut as all are.
    return result.answers.dropFirst().compactMap { Answer(reading: $0) }
  }

  // MARK: An answer

  private struct Answer {
    var count: Int
    var userCount: Int
    var clients: [PresentClient]
    var users: [String]

    /// What a node wrote; nil for what none did.
    init?(reading text: JSONText) {
      guard let value = try? JSONDocument(bytes: text.bytes).root, let count = value["count"]?.int else { return nil }
      self.count = count
      userCount = value["user_count"]?.int ?? 0
      users = value["users"]?.array?.compactMap(\.string) ?? []
      clients =
        value["clients"]?.array?.compactMap { client in
          guard let id = client["id"]?.string, let user = client["user"]?.string else { return nil }
          return PresentClient(id: id, user: user)
        } ?? []
    }
  }

  /// How many are present, and as many of them as an answer holds.
  private static func text(of present: [PresentClient], as topic: String) -> JSONText {
    let users = Set(present.map(\.user))
    var writer = JSONWriter(reserving: SurveyAnswer.byteLimit)
    writer.object {
      $0.member("count", present.count)
      $0.member("user_count", users.count)
      if topic == Self.present {
        $0.array("clients") { list in
          for client in present where list.bytes.count + 6 * client.user.utf8.count < room {
            list.object {
              $0.member("id", client.id)
              $0.member("user", client.user)
            }
          }
        }
      } else {
        $0.array("users") { list in
          for user in users where list.bytes.count + 6 * user.utf8.count < room { list.element(user) }
        }
      }
    }
    return writer.text
  }

  /// Bytes of an answer up to which another is listed, however its name is escaped.
  private static let room = SurveyAnswer.byteLimit - 100
}

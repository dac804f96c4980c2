/// One queue as an embedded broker keeps it: what was set, and what only it remembers. What is in it
/// follows from the records (``QueueLine``).
struct EmbeddedQueue: Sendable, Hashable {
  let name: QueueName
  var settings = QueueSettings()
  /// Grows with every change of the settings.
  var version = 0
  var mode = QueueMode.active
  var modeSince: Timestamp
  let createdAt: Timestamp
  var updatedAt: Timestamp
  /// The start tag of the job taken last, where users take turns.
  var virtualTime: Int64 = 0
  /// The tag that each user's next job gets at the earliest: a turn behind that of the last one, whether
  /// that waits yet or not. Not journaled: a restart knows of those that wait.
  var turns: [String: Int64] = [:]

  /// How far apart the tags of two jobs of one user are: a turn.
  private static let turn: Int64 = 1_000_000

  init(name: QueueName, at now: Timestamp) {
    self.name = name
    createdAt = now
    modeSince = now
    updatedAt = now
  }

  /// The place of a job with this number among those of its priority.
  mutating func base(of sequence: Int64, order: QueueOrder?, user: String) -> Int64 {
    guard settings.isFair else {
      return QueueScore.base(of: sequence, order: order ?? settings.order)
    }
    return QueueScore.half + takeTurn(of: user)
  }

  /// Gives a user the next turn, and answers with its tag.
  @discardableResult
  mutating func takeTurn(of user: String) -> Int64 {
    let tag = max(virtualTime, turns[user] ?? 0)
    turns[user] = tag + Self.turn
    return tag
  }

  /// Takes back the turn of a job that goes without having had it.
  mutating func returnTurn(of user: String) {
    guard let next = turns[user] else { return }
    turns[user] = next - Self.turn > virtualTime ? next - Self.turn : nil
  }

  /// The turns that say something yet: of those at or behind the queue's time nobody can tell any more, and
  /// where nobody waits whose turn it was is past.
  func turnsToKeep(isIdle: Bool) -> [String: Int64] {
    isIdle ? [:] : turns.filter { $0.value > virtualTime }
  }

  func score(of base: Int64, _ priority: Priority) -> QueueScore {
    QueueScore(base: base, priority: priority, ageing: settings.ageing)
  }

  /// A job of this base was taken: whoever comes now begins here.
  mutating func wasTaken(_ base: Int64) {
    guard settings.isFair else { return }
    // What comes back is taken again with an older tag: time does not go back for it.
    virtualTime = max(virtualTime, base - QueueScore.half)
  }

  /// Takes up the tag of a job that waits, after a restart.
  mutating func note(_ base: Int64, of user: String) {
    guard settings.isFair else { return }
    turns[user] = max(turns[user] ?? 0, base - QueueScore.half + Self.turn)
  }

  /// `newest` is the last number that was given to a job: turns begin behind the jobs that wait already. Nil for
  /// a queue that is new: where none can wait, turns begin as a restore says that they went on.
  mutating func set(_ settings: QueueSettings, newest: Int64?, at now: Timestamp) {
    if settings.isFair, !self.settings.isFair, let newest {
      virtualTime = max(virtualTime, newest, now.sequence)
    }
    if !settings.isFair { turns = [:] }
    self.settings = settings
    version += 1
    updatedAt = now
  }

  mutating func become(_ mode: QueueMode, at now: Timestamp) {
    guard mode != self.mode else { return }
    self.mode = mode
    modeSince = now
    updatedAt = now
  }

  /// The mode that follows when so many jobs wait and run.
  func mode(waiting: Int, running: Int) -> QueueMode {
    switch mode {
    case .draining: running == 0 ? .paused : mode
    case .drainingBacklog: running + waiting == 0 ? .paused : mode
    case .active, .paused: mode
    }
  }
}

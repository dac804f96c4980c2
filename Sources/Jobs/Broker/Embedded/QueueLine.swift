/// What is in a queue, in every order in which it is looked for. Follows from the records alone.
struct QueueLine: Sendable {
  /// Queued jobs, next first.
  var waiting = SortedBlocks<WaitingPlace>()
  /// Scheduled and retrying jobs, and blocked ones that wait for parents, in the order of acceptance.
  var apart: [JobState: SortedBlocks<ListPlace>] = [:]
  /// Ended jobs in the order in which they ended.
  var ended: [JobState: SortedBlocks<Ending>] = [:]
  var running = 0
  /// How many are parked, over all users.
  var parked = 0
  /// Queued jobs of each priority level.
  var levels = Array(repeating: 0, count: 11)
  var users: [String: UserLine] = [:]

  /// What one user has in it.
  struct UserLine: Sendable {
    /// Queued and running: what fills the user's window.
    var held = 0
    /// Jobs that only wait for room, next first.
    var parked = SortedBlocks<WaitingPlace>()

    var isEmpty: Bool { held == 0 && parked.isEmpty }
  }

  /// How many wait in any way.
  var waitingInAll: Int {
    waiting.count + parked + apart.values.reduce(0) { $0 + $1.count }
  }

  var isEmpty: Bool {
    waiting.isEmpty && running == 0 && parked == 0 && apart.isEmpty && ended.isEmpty
  }

  /// How many stand in each state; states that nobody is in are left out.
  var counts: [JobState: Int] {
    var counts: [JobState: Int] = [:]
    for (state, jobs) in apart { counts[state] = jobs.count }
    for (state, jobs) in ended { counts[state] = jobs.count }
    counts[.blocked, default: 0] += parked
    counts[.queued] = waiting.count
    counts[.running] = running
    return counts.filter { $0.value > 0 }
  }

  /// Users that have jobs which wait for room.
  var parkedUsers: [String] { users.filter { !$0.value.parked.isEmpty }.map(\.key).sorted() }

  /// Jobs in a state, never running ones: those that ended longest ago or were accepted first.
  func jobs(in state: JobState, limit: Int) -> [JobID] {
    switch state {
    case .running: return []
    case .queued: return waiting.prefix(limit) { _ in true }.map(\.id)
    case .completed, .failed, .cancelled:
      return ended[state]?.prefix(limit) { _ in true }.map(\.id) ?? []
    case .scheduled, .retrying, .blocked:
      var found = apart[state]?.prefix(limit) { _ in true }.compactMap(\.id) ?? []
      if state == .blocked, parked > 0 {
        for user in parkedUsers where found.count < limit {
          let own = users[user]?.parked.prefix(limit - found.count) { _ in true } ?? []
          found += own.map(\.id)
        }
      }
      return found
    }
  }

  /// Whether a job stands where it should.
  func holds(_ standing: Standing, of user: String) -> Bool {
    switch standing {
    case .queued(let place, _): waiting.contains(place)
    case .running: running > 0
    case .parked(let place): users[user]?.parked.contains(place) ?? false
    case .apart(let state, let place): apart[state]?.contains(place) ?? false
    case .ended(let state, let ending): ended[state]?.contains(ending) ?? false
    }
  }

  // MARK: Following the records

  /// A record left this standing (`sign` −1) or came to it (1).
  mutating func count(_ standing: Standing, of user: String, _ sign: Int) {
    switch standing {
    case .queued(let place, let level):
      if sign > 0 { waiting.insert(place) } else { waiting.remove(place) }
      levels[level] += sign
      change(user) { $0.held += sign }
    case .running:
      running += sign
      change(user) { $0.held += sign }
    case .parked(let place):
      parked += sign
      change(user) {
        if sign > 0 { $0.parked.insert(place) } else { $0.parked.remove(place) }
      }
    case .apart(let state, let place):
      apart.change(state, place, sign)
    case .ended(let state, let ending): ended.change(state, ending, sign)
    }
  }

  private mutating func change(_ user: String, _ change: (inout UserLine) -> Void) {
    change(&users[user, default: UserLine()])
    if users[user]?.isEmpty == true { users[user] = nil }
  }

  /// Where a record stands in its queue.
  enum Standing: Equatable {
    case queued(WaitingPlace, level: Int)
    case running
    case parked(WaitingPlace)
    case apart(JobState, ListPlace)
    case ended(JobState, Ending)

    init(_ record: EmbeddedRecord) {
      let job = record.job
      switch job.state {
      case .queued: self = .queued(WaitingPlace(record), level: job.priority.level)
      case .running: self = .running
      case .blocked where record.parents.isEmpty: self = .parked(WaitingPlace(record))
      case .scheduled, .retrying, .blocked:
        self = .apart(job.state, ListPlace(record))
      case .completed, .failed, .cancelled:
        self = .ended(job.state, Ending(number: record.ending, id: job.id))
      }
    }
  }
}

/// The lowest score first, then in the order of acceptance.
struct WaitingPlace: Comparable {
  let score: QueueScore
  let sequence: Int64
  let id: JobID

  init(_ record: EmbeddedRecord) {
    score = record.score
    sequence = record.sequence
    id = record.job.id
  }

  static func == (a: WaitingPlace, b: WaitingPlace) -> Bool {
    a.score == b.score && a.sequence == b.sequence
  }
  static func < (a: WaitingPlace, b: WaitingPlace) -> Bool {
    a.score == b.score ? a.sequence < b.sequence : a.score < b.score
  }
}

/// A place in the order in which jobs ended.
struct Ending: Comparable {
  let number: Int64
  let id: JobID

  static func < (a: Ending, b: Ending) -> Bool { (a.number, a.id) < (b.number, b.id) }
}

/// A place in the order of acceptance; sequences are unique, the id only comes along.
struct ListPlace: Comparable {
  let sequence: Int64
  let id: JobID?

  init(sequence: Int64, id: JobID?) {
    self.sequence = sequence
    self.id = id
  }

  init(_ record: EmbeddedRecord) { self.init(sequence: record.sequence, id: record.job.id) }

  static func == (a: ListPlace, b: ListPlace) -> Bool { a.sequence == b.sequence }
  static func < (a: ListPlace, b: ListPlace) -> Bool { a.sequence < b.sequence }
}

extension Dictionary {
  /// Adds an element to the set of a key (`sign` 1) or removes it; empty sets are not kept.
  mutating func change<Element>(_ key: Key, _ element: Element, _ sign: Int)
  where Value == SortedBlocks<Element> {
    if sign > 0 {
      self[key, default: SortedBlocks()].insert(element)
    } else {
      self[key]?.remove(element)
      if self[key]?.isEmpty == true { self[key] = nil }
    }
  }
}

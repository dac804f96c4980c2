/// The name of a group of jobs: a UUID of version 8, as of a job.
package struct GroupID: Hashable, Sendable, Comparable, CustomStringConvertible {
  private let id: JobID

  package init(at time: Timestamp = .now, partition: Int = 0) {
    id = JobID(at: time, partition: partition)
  }

  /// Reads the 36 characters of the text form; anything else is nil.
  package init?(_ text: some StringProtocol) {
    guard let id = JobID(text) else { return nil }
    self.id = id
  }

  /// Where the group and all its jobs live.
  package var partition: Int { id.partition }

  package var description: String { id.description }

  package static func < (a: GroupID, b: GroupID) -> Bool { a.id < b.id }
}

/// A group as somebody asks for it: jobs that belong together, with one progress and one end.
package struct GroupRequest: Hashable, Sendable {
  package var id: GroupID
  package var user: String
  /// A line for people.
  package var name: String?
  /// Submitted when all jobs of the closed group have ended, by the rules of any submission.
  package var callback: JobRequest?

  package init(
    id: GroupID = GroupID(), user: String, name: String? = nil, callback: JobRequest? = nil
  ) {
    self.id = id
    self.user = user
    self.name = name
    self.callback = callback
  }
}

/// A group at one moment. Counts and progress are kept with every change of one of its jobs, in
/// constant time: reading them does not look at the jobs.
package struct JobGroup: Hashable, Sendable {
  package enum State: String, Hashable, Sendable, CaseIterable {
    /// Takes more jobs.
    case open
    /// Takes no more; some have not ended.
    case closed
    /// Takes no more, and all have ended.
    case finished
  }

  package var id: GroupID
  package var user: String
  package var name: String?
  package var state: State
  /// How many of its jobs stand in each state.
  package var counts: [JobState: Int]
  /// The sum of its jobs' weights, and of weight times permille done (an ended job has done all).
  package var weight: Int
  package var weightedPermille: Int
  package var createdAt: Timestamp
  package var finishedAt: Timestamp?
  /// The job that the callback became.
  package var callback: JobID?
  /// How often it changed visibly, and the incarnation that is counted in.
  package var position: StreamPosition

  package init(
    id: GroupID, user: String, name: String? = nil, state: State = .open,
    counts: [JobState: Int] = [:], weight: Int = 0, weightedPermille: Int = 0,
    createdAt: Timestamp, finishedAt: Timestamp? = nil, callback: JobID? = nil,
    position: StreamPosition
  ) {
    self.id = id
    self.user = user
    self.name = name
    self.state = state
    self.counts = counts
    self.weight = weight
    self.weightedPermille = weightedPermille
    self.createdAt = createdAt
    self.finishedAt = finishedAt
    self.callback = callback
    self.position = position
  }

  /// How long a group is kept after its end, or when nothing has come of it.
  package static let retention = Duration.seconds(7 * 24 * 3600)

  /// How many jobs it has, whatever their state.
  package var jobs: Int { counts.values.reduce(0, +) }

  /// How many have not ended.
  package var pending: Int { counts.filter { !$0.key.isTerminal }.values.reduce(0, +) }

  /// 0…100; nil while it has no jobs.
  package var percent: Double? {
    weight == 0 ? nil : Double(weightedPermille / weight) / 10
  }
}

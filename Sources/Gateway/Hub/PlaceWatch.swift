package import Jobs

/// Which watched jobs may be waiting in a queue, and what their watchers were told of it last.
///
/// Of a job that somebody begins to watch nothing is known: it is asked for once, and forgotten when
/// it turns out not to wait, until an event says that it does.
package struct PlaceWatch {
  /// What watchers are told.
  package struct Notice: Hashable, Sendable {
    package var job: JobID
    package var place: QueuePlace
    package var estimate: WaitEstimate?

    package init(job: JobID, place: QueuePlace, estimate: WaitEstimate? = nil) {
      self.job = job
      self.place = place
      self.estimate = estimate
    }
  }

  private struct Candidate {
    /// Grows with each event, so that an answer which is older than an event decides nothing.
    var stamp: UInt64
    var told: Notice?
    /// Somebody came after that.
    var hasNewcomers = false
  }

  /// Who is to be told a place.
  package enum Audience: Hashable, Sendable {
    case everyone
    /// Who began to watch since it was told; the others know it.
    case newcomers
  }

  /// The most jobs that are asked for in one call; with more, they take turns.
  private let batch: Int
  private var candidates: [JobID: Candidate] = [:]
  private var round: [JobID] = []
  private var asked: [JobID: UInt64] = [:]
  private var lastStamp: UInt64 = 0

  package init(batch: Int = 1000) { self.batch = batch }

  package var isEmpty: Bool { candidates.isEmpty }

  /// Somebody began to watch the job, and is to be told whatever others know. They are not told again for that: with
  /// thousands who watch one job, and one more now and then, all would be told all the time.
  package mutating func watch(_ job: JobID) {
    if candidates[job]?.told == nil { note(job) } else { candidates[job]?.hasNewcomers = true }
  }

  /// Nobody watches it any more.
  package mutating func forget(_ job: JobID) { candidates[job] = nil }

  /// An event or the record told its state.
  package mutating func saw(_ state: JobState, of job: JobID) {
    if state == .queued { note(job) } else { candidates[job] = nil }
  }

  private mutating func note(_ job: JobID) {
    lastStamp += 1
    candidates[job] = Candidate(stamp: lastStamp)
  }

  /// The jobs whose places are to be asked for now.
  package mutating func ask() -> [JobID] {
    if round.isEmpty { round = Array(candidates.keys) }
    asked = [:]
    for job in round.suffix(batch) { asked[job] = candidates[job]?.stamp }
    round.removeLast(min(batch, round.count))
    return Array(asked.keys)
  }

  /// The answer: what of it is still true. Jobs that it does not name do not wait.
  package mutating func answered(_ places: [JobID: QueuePlace]) -> [(job: JobID, place: QueuePlace)] {
    var valid: [(job: JobID, place: QueuePlace)] = []
    for (job, stamp) in asked where candidates[job]?.stamp == stamp {
      if let place = places[job] { valid.append((job, place)) } else { candidates[job] = nil }
    }
    return valid
  }

  /// Who does not know this yet, nil for nobody; from now on they do.
  package mutating func audience(of notice: Notice) -> Audience? {
    guard let candidate = candidates[notice.job] else { return nil }
    candidates[notice.job]?.hasNewcomers = false
    if let last = candidate.told, last.place == notice.place, !Self.differ(last.estimate, notice.estimate) {
      return candidate.hasNewcomers ? .newcomers : nil
    }
    candidates[notice.job]?.told = notice
    return .everyone
  }

  /// A second or a tenth more or less is no news: run times vary by more.
  private static func differ(_ a: WaitEstimate?, _ b: WaitEstimate?) -> Bool {
    guard let a, let b else { return (a == nil) != (b == nil) }
    func differ(_ a: Duration, _ b: Duration) -> Bool {
      let gap = a > b ? a - b : b - a
      return gap > .seconds(1) && gap * 10 > max(a, b)
    }
    return differ(a.least, b.least) || differ(a.most, b.most)
  }
}

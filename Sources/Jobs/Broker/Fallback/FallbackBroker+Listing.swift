import EventLoop

/// Jobs of both brokers as one listing.
extension FallbackBroker {
  /// While the shared broker is there, what the local one still holds stands between its jobs, each where its
  /// acceptance puts it; while it is away, what is kept here is all there is.
  package func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage {
    guard isReachable() else { return try await local.jobs(matching: filter) }
    let place = JoinedPlace(filter.cursor ?? "")
    guard place != nil || !localJobs.isEmpty else { return try await shared.jobs(matching: filter) }
    return try await joined(filter, from: place ?? JoinedPlace(theirs: filter.cursor.map { .at($0) } ?? .first))
  }

  private func joined(
    _ filter: JobFilter, from place: JoinedPlace
  ) async throws(BrokerError) -> JobPage {
    let limit = min(max(filter.limit, 1), 200)
    let theirs = try await sharedPage(filter, at: place.theirs, limit: limit)
    // One that was handed over since it was shown is not shown again.
    let new = theirs.jobs.filter { place.below?.isAtOrAbove($0) != true }
    if new.isEmpty, let next = theirs.next {
      return JobPage(jobs: [], next: JoinedPlace(below: place.below, theirs: .at(next)).text)
    }
    // Of ours those that belong between the page before and the last of this one, and one more if there is one.
    let bottom = theirs.next == nil ? nil : new.last.map { ListedKey($0) }
    let known = Set(theirs.jobs.map(\.id))
    let ours = try await localPage(filter, between: bottom, and: place.below, limit: limit + 1)
      .filter { !known.contains($0.id) }
    let all = Self.merged(new, ours)
    let after: JoinedPlace.Theirs = theirs.next.map { .at($0) } ?? .done
    guard all.count > limit, let last = all.prefix(limit).last else {
      guard let next = theirs.next else { return JobPage(jobs: all) }
      return JobPage(jobs: all, next: JoinedPlace(below: bottom, theirs: .at(next)).text)
    }
    let page = Array(all.prefix(limit))
    let count = page.count { known.contains($0.id) }
    var rest = JoinedPlace(below: ListedKey(last), theirs: after)
    if count == 0 {
      rest.theirs = place.theirs
    } else if count < new.count {
      // Cut off behind so many of them: from there they go on.
      let shown = theirs.jobs.count - new.count + count
      let part = try await sharedPage(filter, at: place.theirs, limit: shown)
      rest.theirs = part.next.map { .at($0) } ?? .done
    }
    return JobPage(jobs: page, next: rest.text)
  }

  /// Two listings as one, each in its own order.
  private static func merged(_ theirs: [Job], _ ours: [Job]) -> [Job] {
    var all: [Job] = []
    var (first, second) = (theirs[...], ours[...])
    while let one = first.first, let other = second.first {
      if ListedKey(one) > ListedKey(other) {
        all.append(first.removeFirst())
      } else {
        all.append(second.removeFirst())
      }
    }
    return all + first + second
  }

  private func sharedPage(
    _ filter: JobFilter, at place: JoinedPlace.Theirs, limit: Int
  ) async throws(BrokerError) -> JobPage {
    var filter = filter
    filter.limit = limit
    switch place {
    case .first: filter.cursor = nil
    case .at(let cursor): filter.cursor = cursor
    case .done: return JobPage(jobs: [])
    }
    return try await shared.jobs(matching: filter)
  }

  /// The newest local jobs that match and lie between two places of a listing, at most `limit`.
  private func localPage(
    _ filter: JobFilter, between bottom: ListedKey?, and top: ListedKey?, limit: Int
  ) async throws(BrokerError) -> [Job] {
    var filter = filter
    filter.limit = 200
    filter.cursor = nil
    if let top {
      let until = top.createdAt + .milliseconds(1)
      filter.until = filter.until.map { min($0, until) } ?? until
    }
    var jobs: [Job] = []
    repeat {
      let page = try await local.jobs(matching: filter)
      for job in page.jobs where localJobs.contains(job.id) {
        if let bottom, ListedKey(job) < bottom { return jobs }
        if let top, ListedKey(job) >= top { continue }
        jobs.append(job)
        if jobs.count == limit { return jobs }
      }
      filter.cursor = page.next
    } while filter.cursor != nil
    return jobs
  }
}

/// Where a job stands in a listing of two brokers.
private struct ListedKey: Comparable {
  var createdAt: Timestamp
  var id: JobID

  init(_ job: Job) { (createdAt, id) = (job.createdAt, job.id) }

  init(createdAt: Timestamp, id: JobID) { (self.createdAt, self.id) = (createdAt, id) }

  static func < (one: Self, other: Self) -> Bool {
    (one.createdAt, one.id) < (other.createdAt, other.id)
  }

  /// Whether the job stands here or before: of those of one moment, who stands first is not told by their ids.
  func isAtOrAbove(_ job: Job) -> Bool { job.id == id || job.createdAt > createdAt }
}

/// Where a page of such a listing goes on.
private struct JoinedPlace {
  /// Of the shared broker's own pages.
  enum Theirs {
    case first
    case at(String)
    case done
  }

  /// What is at this place or above it was shown.
  var below: ListedKey?
  var theirs: Theirs

  init(below: ListedKey? = nil, theirs: Theirs) {
    self.below = below
    self.theirs = theirs
  }

  private static let mark = "joined:"

  /// Nil for what is none: a cursor of one broker's own.
  init?(_ cursor: String) {
    guard cursor.hasPrefix(Self.mark) else { return nil }
    let parts = cursor.dropFirst(Self.mark.count)
      .split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    if let time = Int64(parts[0]), let id = JobID(parts[1]) {
      below = ListedKey(createdAt: Timestamp(milliseconds: time), id: id)
    }
    switch parts[2].first {
    case "+": theirs = .at(String(parts[2].dropFirst()))
    case ".": theirs = .done
    default: theirs = .first
    }
  }

  var text: String {
    let place = below.map { "\($0.createdAt.milliseconds):\($0.id)" } ?? ":"
    switch theirs {
    case .first: return "\(Self.mark)\(place):"
    case .at(let cursor): return "\(Self.mark)\(place):+\(cursor)"
    case .done: return "\(Self.mark)\(place):."
    }
  }
}

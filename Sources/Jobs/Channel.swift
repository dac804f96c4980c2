/// Something that can be watched.
package enum Channel: Hashable, Sendable, CustomStringConvertible {
  /// `job:<id>`: everything that happens to one job. Recoverable.
  case job(JobID)
  /// `user:<sub>`: state changes and conflated progress of all jobs of a user.
  case user(String)
  /// `group:<id>`: the counts, the progress and the end of jobs that belong together. Each publication is the
  /// whole group, so that the newest alone matters. Recoverable.
  case group(GroupID)

  /// Reads the name that clients use; nil for a name of no channel.
  package init?(_ name: String) {
    if name.hasPrefix("job:"), let id = JobID(name.dropFirst(4)) {
      self = .job(id)
    } else if name.hasPrefix("user:"), name.utf8.count > 5 {
      self = .user(String(name.dropFirst(5)))
    } else if name.hasPrefix("group:"), let id = GroupID(name.dropFirst(6)) {
      self = .group(id)
    } else {
      return nil
    }
  }

  package var description: String {
    switch self {
    case .job(let id): "job:\(id)"
    case .user(let user): "user:\(user)"
    case .group(let id): "group:\(id)"
    }
  }
}

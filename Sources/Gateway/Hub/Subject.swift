package import Jobs

/// What a publication is about: something with a record, numbered changes and an end.
package enum Subject: Hashable, Sendable, CustomStringConvertible {
  case job(JobID)
  case group(GroupID)

  /// What a channel is about; nil for a user's, which is about many.
  package init?(of channel: Channel) {
    switch channel {
    case .job(let id): self = .job(id)
    case .group(let id): self = .group(id)
    case .user: return nil
    }
  }

  /// Its own channel, on which its changes are one numbered stream.
  package var channel: Channel {
    switch self {
    case .job(let id): .job(id)
    case .group(let id): .group(id)
    }
  }

  package var description: String { channel.description }
}

/// The record of something that is watched, as it stands at one moment: what its watchers are told first.
package enum WatchedRecord: Hashable, Sendable {
  case job(Job, estimate: WaitEstimate?)
  case group(JobGroup)

  package var subject: Subject {
    switch self {
    case .job(let job, _): .job(job.id)
    case .group(let group): .group(group.id)
    }
  }

  package var position: StreamPosition {
    switch self {
    case .job(let job, _): job.position
    case .group(let group): group.position
    }
  }

  /// Whether nothing more is to come.
  package var hasEnded: Bool {
    switch self {
    case .job(let job, _): job.state.isTerminal
    case .group(let group): group.state == .finished
    }
  }

  /// The document, as `data` of a subscription has it: without what was asked for.
  package var document: JSONText {
    switch self {
    case .job(var job, let estimate):
      job.payload = nil
      return JobDocument.text(of: job, estimate: estimate)
    case .group(let group): return GroupDocument.text(of: group)
    }
  }
}

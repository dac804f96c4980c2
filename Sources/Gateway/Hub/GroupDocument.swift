package import Jobs

/// The one JSON form of groups, the same on every transport (docs/protocol.md §A group).
package enum GroupDocument {
  /// The whole record; as a publication it names its `event`.
  package static func text(of group: JobGroup, isEvent: Bool = false) -> JSONText {
    var writer = JSONWriter(reserving: 384)
    writer.object {
      if isEvent { $0.member("event", "group") }
      $0.member("id", group.id.description)
      $0.member("user", group.user)
      $0.member("name", group.name)
      $0.member("state", group.state.rawValue)
      $0.member("jobs", group.jobs)
      $0.member("pending", group.pending)
      QueueDocument.write(counts: group.counts, into: &$0)
      $0.member(tenths: "percent", group.percent)
      $0.member("callback", group.callback?.description)
      $0.member("created_at", group.createdAt.milliseconds)
      $0.member("finished_at", group.finishedAt?.milliseconds)
      $0.member("offset", group.position.offset)
      $0.member("epoch", group.position.epoch)
    }
    return writer.text
  }
}

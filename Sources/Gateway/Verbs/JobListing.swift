package import Jobs

/// Which jobs a client wants listed, or done something to.
package struct JobListing: Hashable, Sendable {
  package var filter: JobFilter

  package init(_ filter: JobFilter) { self.filter = filter }

  /// Reads `state`, `queue`, `kind`, `user`, `since`, `until`, `ended_before`; and, unless only a part of a request is
  /// read, `limit` and `cursor`.
  package init(from reader: inout MemberReader, withPage: Bool = true) {
    filter = JobFilter(
      user: reader.text("user"), states: reader.words("state") ?? [],
      queue: reader.name("queue") { QueueName($0) }, kind: reader.name("kind") { JobKind($0) },
      since: reader.time("since"), until: reader.time("until"), endedBefore: reader.time("ended_before"))
    guard withPage else { return }
    filter.limit = reader.whole("limit", in: 1...200) ?? 50
    filter.cursor = reader.text("cursor", upTo: 1000)
  }

  /// The filter as this caller may use it: one's own jobs; an admin's may name another user, or `*`
  /// for all.
  package func filter(for identity: Identity) -> JobFilter {
    var filter = filter
    let isAdmin = identity.permissions.allows(.admin)
    if filter.user == nil || !isAdmin {
      filter.user = identity.user
    } else if filter.user == "*" {
      filter.user = nil
    }
    return filter
  }
}

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
  /// for all. Anybody else who names another is refused, never given something else than was asked for;
  /// `part` is where the filter stands in the request.
  package func filter(for identity: Identity, in part: String = "") throws(Problem) -> JobFilter {
    var filter = filter
    let user = filter.user ?? identity.user
    guard user == identity.user || identity.permissions.allows(.admin) else {
      throw Problem(
        .permissionDenied, status: 403, detail: "Jobs of other users need the scope admin.",
        faults: [.init("\(part)/user", "names another user than the token's")])
    }
    filter.user = filter.user == "*" && user != identity.user ? nil : user
    return filter
  }
}

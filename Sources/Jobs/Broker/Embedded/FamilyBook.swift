/// Which jobs wait for which: the children of each job, and the parents whose end is still to be told.
struct FamilyBook: Sendable {
  // Nobody else changes these but a test of the audit.
  var children: [JobID: SortedBlocks<ListPlace>] = [:]
  /// Jobs that ended and still have children.
  var endedParents = SortedBlocks<JobID>()

  /// The first job that waits for this one.
  func firstChild(of parent: JobID) -> JobID? { children[parent]?.first?.id }

  /// A job that has ended and is still waited for.
  var endedParent: JobID? { endedParents.first }

  /// Whether a parent that ended is known to have children; nil for one that has none.
  func isNoted(_ parent: JobID) -> Bool? { children[parent].map { _ in endedParents.contains(parent) } }

  func holds(_ child: ListPlace, of parent: JobID) -> Bool { children[parent]?.contains(child) ?? false }

  /// A job waits for these and no more for those; answers with the parents of which that is news: they are to
  /// be noted.
  mutating func move(_ child: ListPlace, from old: [JobID], to new: [JobID]) -> [JobID] {
    guard old != new else { return [] }
    let (left, joined) = (old.filter { !new.contains($0) }, new.filter { !old.contains($0) })
    for parent in left { children.change(parent, child, -1) }
    for parent in joined { children.change(parent, child, 1) }
    return left + joined
  }

  /// Whether a job has ended; nil: it is not on record.
  mutating func note(_ id: JobID, isEnded: Bool?) {
    endedParents.remove(id)
    if isEnded == true, children[id] != nil { endedParents.insert(id) }
  }
}

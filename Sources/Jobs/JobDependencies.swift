/// What a job waits for before it may begin.
package struct JobDependencies: Hashable, Sendable {
  /// Jobs that have to end first; at most ``limit``.
  package var parents: [JobID]
  package var whenOneFails: ParentFailureRule

  package static let limit = 100

  package init(parents: [JobID] = [], whenOneFails: ParentFailureRule = .cancel) {
    self.parents = parents
    self.whenOneFails = whenOneFails
  }
}

package import EventLoop

/// Jobs that belong together.
///
/// A group's counts, its progress and its end are kept by the broker in the same step as the change
/// of a job, and published on `group:<id>` (``Channel/group(_:)``) as ``GroupEvent``s, numbered as a job's are.
@EventLoop
package protocol JobGroups: AnyObject, Sendable {
  /// Makes an open group; jobs join it with ``JobRequest/group``. The same id again answers with the group as it stands.
  func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup

  /// Lets no more jobs in. A group all of whose jobs have ended, or that has none, is finished at once
  /// and its callback submitted, in the same step; closing it again changes nothing. Throws `groupNotFound`.
  func close(_ group: GroupID) async throws(BrokerError) -> JobGroup

  /// The group as it stands; nil when unknown. A finished one is kept as long as a completed job.
  func group(_ id: GroupID) async throws(BrokerError) -> JobGroup?

  /// Its jobs in the order of acceptance, a page at a time.
  func jobs(of group: GroupID, limit: Int, cursor: String?) async throws(BrokerError) -> JobPage
}

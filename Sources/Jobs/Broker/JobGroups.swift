package import EventLoop

/// Jobs that belong together: a batch with one progress, one end and, if wished, a job that follows.
///
/// **Kept with every change.** A group's counts and progress change in the same step as the job that
/// changes them, in constant time. Where the counts, the state or the whole permille changed, the group's
/// number (``JobGroup/position``) rises by one and the group as it now stands is published on `group:<id>`
/// (``Channel/group(_:)``, ``Delivery/group(_:)``). A job's progress within the same permille of the
/// whole is counted and not published: a group never publishes more than a thousand times for progress.
///
/// **Progress.** A job that has ended has done all, whatever its end; one that runs has done what it last reported;
/// any other nothing. Each counts by its weight.
///
/// **The end.** A closed group whose jobs have all ended is finished, in the step of the last end, and its
/// callback is submitted in that step: under the id of its request, whatever the bound and mode of its
/// queue, otherwise by the rules of any submission. Where these answer with an earlier job, that one is the
/// callback; where they refuse (an idempotency key that was used for another request) there is none. A
/// finished group stays finished: a job of it that is retried is counted, and the callback is not submitted
/// again.
///
/// **Gone.** Jobs that are forgotten stay counted. A finished group is forgotten ``JobGroup/retention`` after
/// its end; so is one that has no pending job and is not closed, that long after its last change. Its jobs stay,
/// and name it still.
@EventLoop
package protocol JobGroups: AnyObject, Sendable {
  /// Makes an open group; jobs join it with ``JobRequest/group``. The same id again answers with the group as it stands.
  ///
  /// A job for a group that is unknown, or of another user than the group's, is refused with `groupNotFound`; for
  /// one that is closed or finished, with `groupClosed`. A submission that is answered with an earlier job
  /// is no job more. The callback names no group and no parents; its payload may be as large as any, else the
  /// group is refused with `payloadTooLarge`.
  func create(_ request: GroupRequest) async throws(BrokerError) -> JobGroup

  /// Lets no more jobs in. A group all of whose jobs have ended, or that has none, is finished at once
  /// and its callback submitted, in the same step; closing it again changes nothing. Throws `groupNotFound`.
  func close(_ group: GroupID) async throws(BrokerError) -> JobGroup

  /// The group as it stands; nil when unknown.
  func group(_ id: GroupID) async throws(BrokerError) -> JobGroup?

  /// Its jobs that are on record, in the order of acceptance, a page at a time; none for an unknown group.
  func jobs(of group: GroupID, limit: Int, cursor: String?) async throws(BrokerError) -> JobPage
}

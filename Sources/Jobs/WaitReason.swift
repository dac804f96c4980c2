/// Why a job does not run at this moment; several may hold at once, the first is told first.
package enum WaitReason: Hashable, Sendable {
  /// It has ended, or runs.
  case notWaiting(JobState)
  case scheduled(until: Timestamp)
  case retrying(until: Timestamp)
  /// So many of the jobs it depends on have not ended.
  case parents(Int)
  /// Its user has as many jobs in the queue as the queue lets one user have.
  case userWindow(Int)
  case queuePaused
  case queueDraining
  /// As many jobs of the queue run as its limit allows.
  case concurrency(limit: Int)
  /// No living worker serves the queue, or none that does knows the kind: each leaves it to others for a while.
  case noWorker
  case noWorkerForKind(JobKind)
  /// Its place, for the slots of the workers that serve the queue, of which so many are idle.
  case behind(position: Int, slots: Int, idle: Int)
}

import EventLoop
import Jobs

/// The queues of another system, in its Redis.
///
/// Reading changes nothing. A job is removed as the system itself removes one, in one step, and only where it still
/// waits: what a worker took meanwhile is left to it.
@EventLoop
protocol ForeignQueues: AnyObject {
  /// In an idempotency key: `rq`, `bull`.
  nonisolated var system: String { get }

  /// The queues there are, by name.
  func names() async throws -> [String]

  /// The jobs of a queue that can be moved; of the failed ones only if they are asked for.
  func jobs(in queue: String, withFailed: Bool) async throws -> [ForeignJobs]

  /// How many jobs of a queue are not for us to move, by what they are doing.
  func others(in queue: String) async throws -> [(state: String, count: Int)]

  /// Reads a job. Throws ``ForeignJobFault`` for one that cannot be ours.
  func job(_ id: String, in queue: String, at place: ForeignPlace, _ rules: ImportRules) async throws -> ForeignJob

  /// Removes a job that we have.
  func remove(_ id: String, from queue: String, at place: ForeignPlace) async throws -> ForeignRemoval

  /// How a job stands that another one waits for.
  func standing(of id: String) async throws -> ForeignStanding

  /// By which id a job is known here. The same each time, so that one that was accepted and not yet removed is found.
  nonisolated func id(of job: String, in queue: String) -> JobID
}

/// How a job stands that another one waits for.
enum ForeignStanding: Hashable, Sendable {
  case completed
  case unfinished
  case unknown
}

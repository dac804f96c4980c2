package import EventLoop
import FoundationEssentials
package import Jobs

/// What older systems reach of ours: verbs, and no broker.
@EventLoop
package final class LegacyEngine {
  let environment: SessionEnvironment
  let queues: QueueVerbs
  let workers: WorkerVerbs
  let status: StatusVerbs
  let backups: BackupVerbs
  let maintenance: MaintenanceVerbs
  let artifacts: ArtifactRoutes
  let files: ArtifactStore
  /// Jobs that callers poll.
  let polled: PolledJobs

  var jobs: JobVerbs { environment.verbs }

  package init(
    environment: SessionEnvironment, queues: QueueVerbs, workers: WorkerVerbs, status: StatusVerbs,
    backups: BackupVerbs, maintenance: MaintenanceVerbs, artifacts: ArtifactRoutes, files: ArtifactStore
  ) {
    self.environment = environment
    self.queues = queues
    self.workers = workers
    self.status = status
    self.backups = backups
    self.maintenance = maintenance
    self.artifacts = artifacts
    self.files = files
    polled = PolledJobs(hub: environment.hub, jobs: environment.verbs, wheel: environment.wheel)
  }

  /// Gives the queues of an older system the settings that its callers rely on, where nobody has set them; what a
  /// worker has set that came first, or an operator of the same, stays. Throws where the broker cannot be asked.
  func prepareQueues(of api: LegacyAPI) async throws(Problem) {
    for (name, _, settings) in api.queues {
      do throws(Problem) {
        _ = try await queues.set(name, to: settings, ifVersion: 0, by: .ofTheGateway)
      } catch {
        guard error.code == .changedMeanwhile else { throw error }
        try await complete(name, with: settings)
      }
    }
  }

  /// Of a queue that has no more than what its kind's worker gave it.
  private func complete(_ name: QueueName, with settings: QueueSettings) async throws(Problem) {
    let status = try await queues.queue(name, for: .ofTheGateway)
    guard status.settings.isAsWorkersLeaveIt else { return }
    var wanted = settings
    wanted.concurrency = status.settings.concurrency ?? settings.concurrency
    wanted.defaults.maxAttempts = status.settings.defaults.maxAttempts
    guard wanted != status.settings else { return }
    do throws(Problem) {
      _ = try await queues.set(name, to: wanted, ifVersion: status.version, by: .ofTheGateway)
    } catch {
      // By another gateway, or by an operator, who has the last word.
      guard error.code == .changedMeanwhile else { throw error }
    }
  }
}

extension Identity {
  /// Who acts where an older system shows all its callers what ours shows operators only: counts of a queue.
  static let ofTheGateway = Identity(
    user: "fanfare", permissions: [.admin], expiresAt: .distantFuture)
}

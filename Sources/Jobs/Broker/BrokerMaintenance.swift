package import EventLoop
package import Logging

/// Calls ``JobControl/maintain(limit:_:)`` every few seconds, at slightly different times on
/// each node: every node does it, none leads, and doing it twice is harmless.
@EventLoop
package final class BrokerMaintenance {
  /// How often, and by which rules, jobs are taken from lost workers.
  package struct Configuration: Hashable, Sendable {
    package var interval: Duration
    package var limit: Int
    package var rules: LossRules

    package init(
      interval: Duration = .seconds(5), limit: Int = 100, rules: LossRules = LossRules()
    ) {
      self.interval = interval
      self.limit = limit
      self.rules = rules
    }
  }

  private let broker: any Broker
  private let configuration: Configuration
  private let logger: Logger
  private var timer: LoopTimer?
  private var wasAvailable = true

  /// Reaps from now on, until let go or ``stop()``ped.
  package init(
    of broker: any Broker, _ configuration: Configuration = Configuration(), logger: Logger
  ) {
    self.broker = broker
    self.configuration = configuration
    self.logger = logger
    schedule()
  }

  /// Reaps no more. A call that is under way ends by itself.
  package func stop() { timer = nil }

  private func schedule() {
    let interval = configuration.interval * Double.random(in: 0.75...1.25)
    timer = LoopTimer(after: interval) { [weak self] in
      Task { [weak self] in await self?.reap() }
    }
  }

  private func reap() async {
    guard timer != nil else { return }
    do throws(BrokerError) {
      let report = try await broker.maintain(
        limit: configuration.limit, configuration.rules)
      wasAvailable = true
      tell(report)
    } catch {
      if wasAvailable || error != .unavailable {
        logger.warning("lost jobs cannot be looked for", metadata: ["error": "\(error)"])
      }
      wasAvailable = error != .unavailable
    }
    if timer != nil { schedule() }
  }

  private func tell(_ report: MaintenanceReport) {
    if report.pardoned > 0 {
      logger.notice(
        "leases were extended after a silence", metadata: ["count": "\(report.pardoned)"])
    }
    for job in report.requeued {
      logger.warning("a worker was lost; its job is queued again", metadata: ["job": "\(job)"])
    }
    for job in report.failed {
      logger.error("a job lost its workers too often and failed", metadata: ["job": "\(job)"])
    }
    for job in report.cancelled {
      logger.notice("a cancelled job's worker was lost", metadata: ["job": "\(job)"])
    }
  }
}

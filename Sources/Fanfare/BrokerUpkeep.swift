import EventLoop
import Jobs
import Logging

/// What a process does for the broker beside its own work, once however many parts it runs: jobs are taken
/// from lost workers, schedules fire, and the store is audited.
@EventLoop
final class BrokerUpkeep: RunningUpkeep {
  private let maintenance: BrokerMaintenance
  private let scheduler: Scheduler
  /// Of one process of a `serve`.
  private var audit: RegularAudit?
  private var strays: StrayJournals?

  init(
    _ configuration: Configuration, _ state: StateFolder, of broker: any Broker, _ payloads: PayloadStore
  ) {
    maintenance = BrokerMaintenance(
      of: broker, BrokerMaintenance.Configuration(configuration),
      logger: Logger(label: "fanfare.broker"))
    scheduler = Scheduler(
      of: broker, payloads: payloads, logger: Logger(label: "fanfare.schedules"))
    guard configuration.leads else { return }
    audit = RegularAudit(of: broker, logger: Logger(label: "fanfare.audit"))
    guard let broker = broker as? FallbackBroker else { return }
    strays = StrayJournals(of: broker, in: state, logger: Logger(label: "fanfare.broker"))
  }

  func stop() {
    audit?.stop()
    strays?.stop()
    scheduler.stop()
    maintenance.stop()
  }
}

extension BrokerMaintenance.Configuration {
  init(_ configuration: Configuration) {
    let broker = configuration.broker
    self.init(
      interval: broker.reapInterval,
      rules: LossRules(
        maxLost: broker.maxLost, amnesty: max(broker.amnesty, broker.lease),
        warning: broker.lease / 3))
  }
}

import EventLoop
import Jobs
import Logging
import Testing

@Suite("Broker maintenance", .timeLimit(.minutes(1))) struct BrokerMaintenanceTests {
  @Test("reaps again and again, also after the broker was away")
  @EventLoop func reaping() async {
    let broker = ScriptedBroker()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    broker.isAway = true
    let maintenance = BrokerMaintenance(
      of: broker, .init(interval: .milliseconds(5)), logger: logger)
    await broker.until { broker.reapings >= 2 }
    broker.isAway = false
    await broker.until { broker.reapings >= 5 }
    maintenance.stop()
  }
}

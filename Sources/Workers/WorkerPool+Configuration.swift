package import Jobs

extension WorkerPool {
  /// How a pool works.
  package struct Configuration: Sendable {
    /// In the order in which they are served.
    package var queues: [QueueName]
    /// How many jobs run at a time.
    package var slots: Int
    package var timing: LeaseTiming
    /// The time between SIGTERM and SIGKILL when a run is to end.
    package var killGrace: Duration
    /// How long an idle pool waits for the broker's hint before it looks by itself.
    package var pollInterval: Duration
    /// The least time between two progress reports that do not differ by a whole percent.
    package var reportInterval: Duration
    /// How long a worker that ignores its end is waited for, after its children were killed.
    package var abandonment: Duration
    /// How long the end of finished work is offered to a broker that is away.
    package var settlementPatience: Duration
    /// How long a payload that lies in the store is waited for.
    package var payloadPatience: Duration
    /// How long running jobs may go on when the worker is told to stop, before they are given back.
    package var stopGrace: Duration
    /// How long a job is left alone that this worker does not know the kind of: another may.
    package var unknownKindPause: Duration
    /// Told with every heartbeat.
    package var version: String

    package init(
      queues: [QueueName] = [.default], slots: Int = 2, timing: LeaseTiming = LeaseTiming(),
      killGrace: Duration = .seconds(10), pollInterval: Duration = .seconds(5),
      reportInterval: Duration = .milliseconds(250), abandonment: Duration = .seconds(5),
      settlementPatience: Duration = .seconds(300), payloadPatience: Duration = .seconds(30),
      stopGrace: Duration = .seconds(20), unknownKindPause: Duration = .seconds(10), version: String = "dev"
    ) {
      precondition(slots > 0, "a pool without slots does nothing")
      self.queues = queues
      self.slots = slots
      self.timing = timing
      self.killGrace = killGrace
      self.pollInterval = pollInterval
      self.reportInterval = reportInterval
      self.abandonment = abandonment
      self.settlementPatience = settlementPatience
      self.payloadPatience = payloadPatience
      self.stopGrace = stopGrace
      self.unknownKindPause = unknownKindPause
      self.version = version
    }
  }
}

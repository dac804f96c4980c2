import EventLoop

/// Who listens to an embedded broker's events in this process.
@EventLoop
final class EventFanout {
  private var watchers: [Channel: [ObjectIdentifier: Registration]] = [:]
  private var workers: [WorkerID: [ObjectIdentifier: DirectiveRegistration]] = [:]

  @EventLoop
  private final class Registration: EventSubscription {
    let channel: Channel
    let receive: @EventLoop (Delivery) -> Void
    weak var fanout: EventFanout?

    init(
      channel: Channel, fanout: EventFanout, receive: @escaping @EventLoop (Delivery) -> Void
    ) {
      self.channel = channel
      self.fanout = fanout
      self.receive = receive
    }

    func cancel() {
      fanout?.watchers[channel]?[ObjectIdentifier(self)] = nil
      if fanout?.watchers[channel]?.isEmpty == true { fanout?.watchers[channel] = nil }
    }
  }

  @EventLoop
  private final class DirectiveRegistration: EventSubscription {
    let worker: WorkerID
    let receive: @EventLoop (WorkerDirective) -> Void
    weak var fanout: EventFanout?

    init(
      worker: WorkerID, fanout: EventFanout,
      receive: @escaping @EventLoop (WorkerDirective) -> Void
    ) {
      self.worker = worker
      self.fanout = fanout
      self.receive = receive
    }

    func cancel() {
      fanout?.workers[worker]?[ObjectIdentifier(self)] = nil
      if fanout?.workers[worker]?.isEmpty == true { fanout?.workers[worker] = nil }
    }
  }

  func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) -> any EventSubscription {
    let registration = Registration(channel: channel, fanout: self, receive: receive)
    watchers[channel, default: [:]][ObjectIdentifier(registration)] = registration
    return registration
  }

  func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) -> any EventSubscription {
    let registration = DirectiveRegistration(worker: worker, fanout: self, receive: receive)
    workers[worker, default: [:]][ObjectIdentifier(registration)] = registration
    return registration
  }

  func publish(_ event: JobEvent) {
    for channel in [Channel.job(event.id), .user(event.user)] {
      guard let registered = watchers[channel] else { continue }
      for (key, registration) in registered where watchers[channel]?[key] != nil {
        registration.receive(.event(event))
      }
    }
  }

  func direct(_ worker: WorkerID, _ directive: WorkerDirective) {
    guard let registered = workers[worker] else { return }
    for (key, registration) in registered where workers[worker]?[key] != nil {
      registration.receive(directive)
    }
  }
}

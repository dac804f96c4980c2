import EventLoop

/// Who watches which channel and which worker's directives, and the delivery to them.
@EventLoop
final class EventFanout {
  private var watchers: [Channel: [Int: @EventLoop (Delivery) -> Void]] = [:]
  private var workers: [WorkerID: [Int: @EventLoop (WorkerDirective) -> Void]] = [:]
  private var nodes: [Int: (node: NodeID, receive: @EventLoop (ControlMessage) -> Void)] = [:]
  private var last = 0

  func subscribe(
    to channel: Channel, _ receive: @escaping @EventLoop (Delivery) -> Void
  ) -> any EventSubscription {
    last += 1
    let number = last
    watchers[channel, default: [:]][number] = receive
    return FanoutSubscription { [weak self] in
      self?.watchers[channel]?[number] = nil
      if self?.watchers[channel]?.isEmpty == true { self?.watchers[channel] = nil }
    }
  }

  func directives(
    for worker: WorkerID, _ receive: @escaping @EventLoop (WorkerDirective) -> Void
  ) -> any EventSubscription {
    last += 1
    let number = last
    workers[worker, default: [:]][number] = receive
    return FanoutSubscription { [weak self] in
      self?.workers[worker]?[number] = nil
      if self?.workers[worker]?.isEmpty == true { self?.workers[worker] = nil }
    }
  }

  func controlMessages(
    to node: NodeID, _ receive: @escaping @EventLoop (ControlMessage) -> Void
  ) -> any EventSubscription {
    last += 1
    let number = last
    nodes[number] = (node, receive)
    return FanoutSubscription { [weak self] in self?.nodes[number] = nil }
  }

  /// To one node, or to all.
  func publish(_ message: ControlMessage, to node: NodeID?) {
    for number in nodes.keys.sorted() {
      guard let listener = nodes[number], node == nil || listener.node == node else { continue }
      listener.receive(message)
    }
  }

  /// How many listen to a job's events, its user's watchers included.
  func watcherCount(of job: JobID, user: String) -> Int {
    (watchers[.job(job)]?.count ?? 0) + (watchers[.user(user)]?.count ?? 0)
  }

  func publish(_ event: JobEvent) {
    deliver(.event(event), on: .job(event.id))
    deliver(.event(event), on: .user(event.user))
  }

  func publish(_ group: JobGroup) { deliver(.group(group), on: .group(group.id)) }

  func publish(_ directive: WorkerDirective, to worker: WorkerID) {
    guard let receivers = workers[worker] else { return }
    for number in receivers.keys.sorted() { workers[worker]?[number]?(directive) }
  }

  private func deliver(_ delivery: Delivery, on channel: Channel) {
    guard let receivers = watchers[channel] else { return }
    // Looked up anew each time: a receiver may cancel another's subscription, or its own.
    for number in receivers.keys.sorted() { watchers[channel]?[number]?(delivery) }
  }
}

@EventLoop
private final class FanoutSubscription: EventSubscription {
  private var end: (@EventLoop () -> Void)?

  init(end: @escaping @EventLoop () -> Void) { self.end = end }

  func cancel() {
    end?()
    end = nil
  }
}

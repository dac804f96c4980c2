import EventLoop

/// What the shared broker's queues are set to holds for what is accepted here, as it was last seen.
extension FallbackBroker {
  /// Lays the settings and modes of the shared broker's queues over those of the local one, where they changed
  /// since the last time. They are on the disk then: an absence that outlasts this process does not lift them.
  func mirrorQueues() async throws(BrokerError) {
    let there = Dictionary(
      uniqueKeysWithValues: try await shared.queues().map { ($0.name, MirroredQueue($0)) })
    guard there != seen else { return }
    let here = Dictionary(uniqueKeysWithValues: try await local.queues().map { ($0.name, $0) })
    for (name, queue) in there { try await lay(queue, over: here[name], name) }
    for (name, status) in here where there[name] == nil {
      try await lay(MirroredQueue(), over: status, name)
    }
    seen = there
  }

  private func lay(
    _ queue: MirroredQueue, over status: QueueStatus?, _ name: QueueName
  ) async throws(BrokerError) {
    let (settings, mode) = (queue.localSettings, queue.localMode)
    let isNew = status == nil && (settings != QueueSettings() || mode != .active)
    if isNew || settings != status?.settings ?? QueueSettings() {
      _ = try await local.set(name, to: settings, ifVersion: nil)
    }
    if mode != status?.mode ?? .active { _ = try await local.setMode(of: name, to: mode) }
  }

  /// A queue of the local broker as the shared one has set it: what is in it is what is kept here.
  func shown(_ status: QueueStatus) -> QueueStatus {
    var status = status
    let queue = seen[status.name] ?? MirroredQueue(local: status.settings, status.mode)
    status.settings = queue.settings
    status.mode = queue.mode
    status.modeSince = queue.modeSince ?? status.modeSince
    status.version = queue.version ?? status.version
    return status
  }

  /// The same of an archive's entry.
  func shown(_ entry: ArchiveEntry) -> ArchiveEntry {
    guard case .queue(let name, let settings, let mode) = entry else { return entry }
    let queue = seen[name] ?? MirroredQueue(local: settings, mode)
    return .queue(name, queue.settings, queue.mode)
  }

  /// A refusal of the local broker as the shared one would have told it.
  func told(_ error: BrokerError) -> BrokerError {
    error == .queueFull(limit: MirroredQueue.noRoom) ? .queueDraining : error
  }
}

extension FallbackBroker: QueueAdministration {
  package func queues() async throws(BrokerError) -> [QueueStatus] {
    guard isReachable() else { return try await local.queues().map(shown) }
    var queues = try await shared.queues()
    guard !localJobs.isEmpty else { return queues }
    for status in try await local.queues() where status.holdsAny {
      if let index = queues.firstIndex(where: { $0.name == status.name }) {
        queues[index].add(status)
      } else {
        queues.append(shown(status))
      }
    }
    return queues.sorted { $0.name < $1.name }
  }

  package func queue(_ name: QueueName) async throws(BrokerError) -> QueueStatus? {
    guard isReachable() else { return try await local.queue(name).map(shown) }
    let there = try await shared.queue(name)
    guard !localJobs.isEmpty, let here = try await local.queue(name), here.holdsAny else { return there }
    guard var queue = there else { return shown(here) }
    queue.add(here)
    return queue
  }

  package func set(
    _ name: QueueName, to settings: QueueSettings, ifVersion version: Int?
  ) async throws(BrokerError) -> QueueStatus {
    let queue = try await shared.set(name, to: settings, ifVersion: version)
    await mirrorNow()
    return queue
  }

  package func setMode(
    of name: QueueName, to mode: QueueMode
  ) async throws(BrokerError) -> QueueStatus {
    let queue = try await shared.setMode(of: name, to: mode)
    await mirrorNow()
    return queue
  }

  package func clear(
    _ name: QueueName, _ states: Set<JobState>, limit: Int
  ) async throws(BrokerError) -> Int {
    try await shared.clear(name, states, limit: limit)
  }

  package func delete(_ name: QueueName) async throws(BrokerError) {
    try await shared.delete(name)
    await mirrorNow()
  }

  package func statistics(
    of name: QueueName?, minutes: Int
  ) async throws(BrokerError) -> QueueStatistics {
    try await active.statistics(of: name, minutes: minutes)
  }
}

/// A queue of the shared broker as it was last seen, and what stands for it here.
///
/// The local broker is never told to drain: it would be done at once, having nothing that runs, and take jobs again.
/// It is told to give out nothing, or to have no room, which is what a drain comes to. Retention is judged where the
/// jobs will be; and turns of users are counted in the shared broker alone, whose clock of turns is its own: here
/// the order is that of acceptance.
struct MirroredQueue: Hashable, Sendable {
  var settings = QueueSettings()
  var mode = QueueMode.active
  /// Nil where it is not known any more.
  var modeSince: Timestamp?
  var version: Int?

  /// The bound that stands for a queue that lets nothing in: one that nobody can set.
  static let noRoom = 0

  init() {}

  init(_ status: QueueStatus) {
    settings = status.settings
    mode = status.mode
    modeSince = status.modeSince
    version = status.version
  }

  /// What a queue of the local broker stands for, as far as that can be told from it.
  init(local settings: QueueSettings, _ mode: QueueMode) {
    self.settings = settings
    self.mode = mode
    guard settings.maxWaiting == Self.noRoom else { return }
    self.settings.maxWaiting = nil
    self.mode = mode.serves ? .drainingBacklog : .draining
  }

  var localSettings: QueueSettings {
    var local = settings
    let standard = QueueSettings()
    (local.completed, local.failed, local.cancelled) = (standard.completed, standard.failed, standard.cancelled)
    local.isFair = false
    if !mode.accepts { local.maxWaiting = Self.noRoom }
    return local
  }

  var localMode: QueueMode { mode.serves ? .active : .paused }
}

extension QueueStatus {
  fileprivate var holdsAny: Bool { counts.values.contains { $0 > 0 } }

  /// Adds the jobs of it that another broker holds.
  fileprivate mutating func add(_ other: QueueStatus) {
    counts.merge(other.counts, uniquingKeysWith: +)
    levels.merge(other.levels, uniquingKeysWith: +)
    oldestQueued = [oldestQueued, other.oldestQueued].compactMap { $0 }.min()
  }
}

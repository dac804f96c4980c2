import EventLoop
import Jobs

extension LegacyCall {
  /// A queue by its id; a UUID that stands for none is not found.
  func clipQueue(_ id: String) async throws(Problem) -> ClipQueue {
    let id = id.lowercased()
    let queues = try await engine.queues.queues(for: .ofTheGateway)
    guard let queue = queues.first(where: { ClipQueue.id(of: $0.name) == id }).flatMap(ClipQueue.init) else {
      throw Problem(.queueNotFound, status: 404)
    }
    return queue
  }

  /// Everything there is to know of these queues, at this moment.
  func described(_ queues: [ClipQueue]) async throws(Problem) -> [ClipQueue] {
    let health = try await engine.status.health(for: .ofTheGateway)
    let workers = try await engine.workers.workers(for: .ofTheGateway)
    var described: [ClipQueue] = []
    for var queue in queues {
      let name = queue.queue.name
      queue.alerts = health.alerts.filter { $0.queue == name }
      queue.recent = try await engine.queues.statistics(of: name, minutes: 60, for: .ofTheGateway)
      queue.workers = workers.filter { $0.isLive && $0.report.queues.contains(name) }
      described.append(queue)
    }
    return described
  }

  func described(_ queue: QueueStatus) async throws(Problem) -> ClipQueue {
    guard let queue = ClipQueue(queue), let described = try await described([queue]).first else {
      preconditionFailure("a queue of ClipForge's lost its type")
    }
    return described
  }
}

extension LegacyCall {
  /// The queue with the status that is wanted, if any is.
  fileprivate func set(_ status: ClipQueueStatus?, of queue: QueueStatus) async throws(Problem) -> QueueStatus {
    switch status {
    case .active: try await engine.queues.resume(queue.name, by: identity)
    case .paused: try await engine.queues.pause(queue.name, by: identity)
    case .draining: try await engine.queues.drain(queue.name, .running, by: identity)
    case .error, nil: queue
    }
  }
}

/// Queues by type and status.
struct ListClipQueues: LegacyVerb {
  var filter: ClipQueueFilter

  init(_ filter: ClipQueueFilter) { self.filter = filter }

  struct Answer: Sendable {
    var queues: [ClipQueue]
    var total: Int
    var limit: Int
    var offset: Int
  }

  func carryOut(for call: LegacyCall) async throws -> Answer {
    let all = try await call.engine.queues.queues(for: .ofTheGateway).compactMap(ClipQueue.init)
    let queues = try await call.described(all.filter { filter.type == nil || $0.type == filter.type })
      .filter { filter.status == nil || $0.status == filter.status }
    return Answer(
      queues: Array(queues.dropFirst(filter.offset).prefix(filter.limit)), total: queues.count,
      limit: filter.limit, offset: filter.offset)
  }
}

/// One queue.
struct FindClipQueue: LegacyVerb {
  enum Key: Sendable { case id(String), name(String) }

  var key: Key

  init(_ key: Key) { self.key = key }

  func carryOut(for call: LegacyCall) async throws -> ClipQueue {
    switch key {
    case .id(let id): return try await call.described(call.clipQueue(id).queue)
    case .name(let text):
      guard let name = QueueName(text) else { throw Problem(.queueNotFound, status: 404) }
      let queue = try await call.engine.queues.queue(name, for: .ofTheGateway)
      guard ClipQueue(queue) != nil else { throw Problem(.queueNotFound, status: 404) }
      return try await call.described(queue)
    }
  }
}

/// A queue of one of the types, under a name of its own.
struct CreateClipQueue: LegacyVerb {
  private let name: QueueName
  private let settings: QueueSettings
  private let status: ClipQueueStatus?

  init(_ members: MemberReader) throws(Problem) {
    var members = members
    members.require("name")
    members.require("type")
    let name = members.name("name") { QueueName($0) }
    let type = members.word("type", as: ClipQueueType.self)
    let change = try ClipQueueChange(from: &members)
    try members.check()
    guard let name, let type else { preconditionFailure("a member that is missing passed as sound") }
    self.name = name
    var settings = type.settings
    settings.description = nil
    change.apply(to: &settings)
    self.settings = settings
    status = change.status
  }

  func carryOut(for call: LegacyCall) async throws -> ClipQueue {
    do throws(Problem) {
      let made = try await call.engine.queues.set(name, to: settings, ifVersion: 0, by: call.identity).queue
      return try await call.described(call.set(status == .active ? nil : status, of: made))
    } catch {
      guard error.code == .changedMeanwhile else { throw error }
      throw Problem(.changedMeanwhile, status: 409, detail: "A queue named \(name) exists already.")
    }
  }
}

/// Changes a queue's settings, its status or both.
struct ChangeClipQueue: LegacyVerb {
  private let id: String
  private let change: ClipQueueChange
  /// A change to the status that it has is none, and refused.
  private let isStep: Bool

  init(_ id: String, _ change: ClipQueueChange, isStep: Bool = false) {
    self.id = id
    self.change = change
    self.isStep = isStep
  }

  func carryOut(for call: LegacyCall) async throws -> ClipQueue {
    try call.identity.require(.admin)
    var queue = try await call.clipQueue(id).queue
    let queues = call.engine.queues
    if isStep, let status = change.status, (status == .paused) == (queue.mode == .paused), status != .draining,
      status == .paused || queue.mode == .active
    {
      throw Problem(
        .conflict, status: 400, detail: "The queue is \(queue.mode == .paused ? "paused" : "active") already.")
    }
    var settings = queue.settings
    change.apply(to: &settings)
    if settings != queue.settings {
      queue = try await queues.set(queue.name, to: settings, ifVersion: queue.version, by: call.identity).queue
    }
    return try await call.described(call.set(change.status, of: queue))
  }
}

/// Removes all of a queue's jobs that do not run; answers how many.
struct ClearClipQueue: LegacyVerb {
  var id: String

  init(_ id: String) { self.id = id }

  func carryOut(for call: LegacyCall) async throws -> Int {
    try call.identity.require(.admin)
    let name = try await call.clipQueue(id).queue.name
    let states = Set(JobState.allCases.filter { $0 != .running })
    var removed = 0
    while true {
      let page = try await call.engine.queues.clear(name, states, limit: 500, by: call.identity)
      removed += page.removed
      // Who adds jobs as fast as they go is not waited for.
      guard page.hasMore, removed < 1_000_000 else { return removed }
    }
  }
}

/// Deletes a queue that has no jobs left to do.
struct DeleteClipQueue: LegacyVerb {
  var id: String

  init(_ id: String) { self.id = id }

  func carryOut(for call: LegacyCall) async throws {
    try call.identity.require(.admin)
    try await call.engine.queues.delete(call.clipQueue(id).queue.name, by: call.identity)
  }
}

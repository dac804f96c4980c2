import EventLoop
import Logging
import Redis
import Support
import Testing

@testable import Jobs

@Suite("The groups of the Redis broker", .timeLimit(.minutes(2))) @EventLoop
struct RedisBrokerGroupTests {
  private func broker(on server: RedisServer) async throws -> RedisBroker {
    let broker = RedisBroker(endpoint: server.endpoint, logger: Logger(label: "test"))
    try await broker.start()
    return broker
  }

  /// The groups that are delivered on a channel from now on.
  private func watch(_ id: GroupID, on broker: RedisBroker) async throws -> Arrivals<JobGroup> {
    let arrivals = Arrivals<JobGroup>()
    _ = try await broker.subscribe(to: .group(id)) { delivery in
      if case .group(let group) = delivery { arrivals.append(group) }
    }
    return arrivals
  }

  /// What a week's passing would do: forgets those that may go.
  private func forget(_ broker: RedisBroker, on server: RedisServer) async throws {
    let ends = broker.keys.key(.groupEnds)
    for id in try await server.ask(RedisCommand("ZRANGE", ends, "0", "-1")).elements ?? [] {
      let due = try await server.ask(RedisCommand("ZSCORE", ends, id.text ?? "")).text ?? ""
      let left = (Int64(due) ?? 0) - JobGroup.retention.milliseconds
      #expect(abs(left - Timestamp.now.milliseconds) < 60_000, "it is a week")
      try await server.ask(RedisCommand("ZADD", ends, "\(left)", id.text ?? ""))
    }
    try await broker.maintain()
  }

  @Test("are delivered whole after the subscriber connection was killed")
  func reconciling() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let watched = try await broker.create(GroupRequest(user: "alice", name: "watched"))
    let gone = GroupID()
    let arrivals = try await watch(watched.id, on: broker)
    let again = try await watch(watched.id, on: broker)
    let other = try await watch(gone, on: broker)
    try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
    #expect(try await arrivals.values(atLeast: 1) == [watched], "whether or not it changed")
    #expect(try await again.values(atLeast: 1) == [watched])
    #expect(other.values.isEmpty, "a group that is not there is not told of")
    _ = try await broker.close(watched.id)
    #expect(try await arrivals.values(atLeast: 2).map(\.state) == [.open, .finished])
    await broker.close()
  }

  @Test("make up for what was missed while the source was away", arguments: 1...5)
  func missed(_ number: Int) async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let id = try await broker.create(GroupRequest(user: "alice")).id
    let arrivals = try await watch(id, on: broker)
    try await server.ask(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
    // The commands have a connection of their own: these changes may be heard of or not.
    for _ in 0..<(3 * number) { try await broker.accept(.example { $0.group = id }) }
    let standing = try #require(try await broker.group(id))
    let seen = try await arrivals.values { $0.last == standing }
    for (earlier, later) in zip(seen, seen.dropFirst()) {
      #expect(earlier.position.offset <= later.position.offset, "what is older came later")
    }
    await broker.close()
  }

  @Test("are not told as they were read when more was published meanwhile")
  func overtaken() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    var groups: [JobGroup] = []
    var arrivals: [Arrivals<JobGroup>] = []
    for _ in 0..<3 {
      let group = try await broker.create(GroupRequest(user: "alice"))
      groups.append(group)
      arrivals.append(try await watch(group.id, on: broker))
    }
    let jobs = [try await broker.accept(), try await broker.accept()]
    let told = Arrivals<JobID>()
    for job in jobs {
      _ = try await broker.subscribe(to: .job(job.id)) { delivery in
        if case .snapshot(let job) = delivery { told.append(job.id) }
      }
    }
    broker.sourceLost()
    // As if these had been published while the records were read: one step further, of another incarnation.
    let further = StreamPosition(offset: groups[0].position.offset + 1, epoch: groups[0].position.epoch)
    broker.reconciliation?.newestGroups[groups[0].id] = further
    broker.reconciliation?.newestGroups[groups[1].id] = StreamPosition(offset: 99, epoch: "0badcafe")
    broker.reconciliation?.newest[jobs[0].id] = StreamPosition(
      offset: jobs[0].position.offset + 1, epoch: jobs[0].position.epoch)
    broker.reconcile()
    while broker.reconciliation != nil { await Task.yield() }
    #expect(arrivals.map(\.values) == [[], [groups[1]], [groups[2]]])
    #expect(told.values == [jobs[1].id])
    await broker.close()
  }

  @Test("are told of by every node")
  func fleet() async throws {
    let server = try await RedisServer.start()
    let first = try await broker(on: server)
    let second = try await broker(on: server)
    let id = try await first.create(GroupRequest(user: "alice")).id
    let arrivals = try await watch(id, on: second)
    try await first.accept(.example { $0.group = id })
    #expect(try await arrivals.values(atLeast: 1) == [try #require(try await first.group(id))])
    await first.close()
    await second.close()
  }

  @Test("go when their time is over, with all that is kept of them")
  func forgotten() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let callback = JobRequest.example(queue: .video)
    let finished = try await broker.create(GroupRequest(user: "alice")).id
    let idle = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    let waiting = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    let closed = try await broker.create(GroupRequest(user: "alice", callback: callback)).id
    for id in [finished, idle, waiting, closed] { try await broker.accept(.example { $0.group = id }) }
    for _ in 0..<2 { try await broker.work() }
    _ = try await broker.close(finished)
    _ = try await broker.close(closed)
    try await forget(broker, on: server)
    #expect(try await broker.groups([finished, idle]).isEmpty)
    #expect(try await broker.groups([waiting, closed]).map(\.state) == [.open, .closed])
    let jobs = try await broker.allJobs(matching: JobFilter())
    #expect(Set(jobs.map(\.group)) == [finished, idle, waiting, closed], "they name it still")

    for _ in 0..<2 { try await broker.work() }
    #expect(try await broker.find(callback.id).state == .queued)
    try await forget(broker, on: server)
    for job in try await broker.allJobs(matching: JobFilter()) { #expect(try await broker.remove(job.id)) }
    let families: [RedisKeys.Family] = [.groups, .groupJobs, .groupCallbacks, .groupIndex, .groupEnds]
    let keys = try await server.ask(RedisCommand("KEYS", "*")).elements?.compactMap(\.text) ?? []
    for family in families { #expect(!keys.contains { $0.hasPrefix(broker.keys.key(family)) }) }
    await broker.close()
  }

  @Test("count no job of one that had their name")
  func madeAnew() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let request = GroupRequest(user: "alice")
    let first = try await broker.create(request)
    let old = try await broker.accept(.example { $0.group = request.id })
    try await broker.work()
    _ = try await broker.close(request.id)
    try await forget(broker, on: server)
    #expect(try await broker.retry(old.id).state == .queued, "nobody counts it")
    let again = try await broker.create(request)
    #expect(again.jobs == 0 && again.state == .open && again.createdAt > first.createdAt)
    let new = try await broker.accept(.example { $0.group = request.id })
    #expect(try await broker.work() == old.id)
    #expect(try await broker.group(request.id)?.counts == [.queued: 1])
    #expect(try await broker.jobs(of: request.id, limit: 5, cursor: nil).jobs.map(\.id) == [new.id])
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: false, after: cursor, limit: 100)
      #expect(report.findings == [])
      cursor = report.next
    } while cursor != nil
    await broker.close()
  }

  @Test("that nobody restores go with their jobs")
  func neverRestored() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let id = try await broker.create(GroupRequest(user: "alice")).id
    try await broker.accept(.example { $0.group = id })
    let entries = try await broker.everything(limit: 10).filter { $0.group == nil }
    let other = RedisBroker(
      endpoint: server.endpoint, prefix: "other:", logger: Logger(label: "test"))
    try await other.start()
    _ = try await other.restore(entries)
    #expect(try await other.everything(limit: 10).compactMap(\.group).isEmpty)
    try await other.maintain()
    let key = other.keys.key(.groups, id.key)
    #expect(try await server.ask(RedisCommand("EXISTS", key)).integer == 1, "it may come yet")
    try await other.work()
    try await forget(other, on: server)
    let keys = try await server.ask(RedisCommand("KEYS", "other:*\(id.key)")).elements ?? []
    #expect(keys.isEmpty)
    await other.close()
    await broker.close()
  }

  @Test("count no job more that is discarded before its end")
  func discarded() async throws {
    let server = try await RedisServer.start()
    let broker = try await broker(on: server)
    let id = try await broker.create(GroupRequest(user: "alice")).id
    var jobs: [JobID] = []
    for weight in 1...3 {
      jobs.append(
        try await broker.accept(
          .example {
            $0.group = id
            $0.weight = weight
          }
        ).id)
    }
    try await broker.work()
    let arrivals = try await watch(id, on: broker)
    try await broker.discard([jobs[0], jobs[1]])
    let group = try #require(try await broker.group(id))
    #expect(group.counts == [.completed: 1, .queued: 1] && group.weight == 4)
    #expect(group.weightedPermille == 1000, "what has ended stays counted")
    try await broker.work()
    #expect(try await arrivals.values(atLeast: 2).map(\.percent) == [25, 100], "nobody was told of it")
    await broker.close()
  }
}

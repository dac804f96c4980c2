import EventLoop
import Redis

extension RedisBroker {
  package func job(_ id: JobID) async throws(BrokerError) -> Job? {
    try await read([id], withPayload: true).first
  }

  /// The jobs of the ids that are known, in one call.
  func read(_ ids: [JobID], withPayload: Bool) async throws(BrokerError) -> [Job] {
    let ids = ids.filter { $0.partition == keys.partition }
    guard !ids.isEmpty else { return [] }
    let answer = try await run(scripts.read) { command in
      command.append(withPayload ? "1" : "")
      for id in ids { command.append(id.description) }
    }
    var jobs: [Job] = []
    for record in answer.elements ?? [] where !record.isNull {
      jobs.append(try Job(record: record))
    }
    return jobs
  }

  package func logLines(of id: JobID) async throws(BrokerError) -> [String] {
    do {
      let answer = try await client.send(
        RedisCommand("LRANGE", keys.key(.logs, id.description), "0", "-1"))
      return (answer.elements ?? []).compactMap(\.text)
    } catch { throw BrokerError(error) }
  }

  package func jobs(matching filter: JobFilter) async throws(BrokerError) -> JobPage {
    let limit = min(max(filter.limit, 1), 200)
    var below = filter.cursor.flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
    var found: [(job: Job, sequence: Int64)] = []
    // One more than the page holds tells whether there is another.
    while found.count <= limit {
      let answer = try await run(scripts.list) { command in
        command.append(filter.user == nil ? "" : "1")
        command.append(filter.user ?? "")
        command.append(below.map { "(\($0)" } ?? "+inf")
        command.append(limit + 1 - found.count)
        command.append(filter.states.map(\.letter).joined())
      }
      guard let parts = answer.elements, let resume = parts.first?.text else {
        throw .corrupt("list answered in another form")
      }
      for record in parts.dropFirst() {
        guard let sequence = Job.sequence(ofRecord: record) else {
          throw .corrupt("a job's record has another form")
        }
        found.append((try Job(record: record), sequence))
      }
      guard let next = Int64(resume) else { break }
      below = next
    }
    let page = found.prefix(limit)
    return JobPage(
      jobs: page.map(\.job), next: found.count > limit ? page.last.map { "\($0.sequence)" } : nil)
  }
}

import Testing

@testable import Jobs

@Suite("The book of groups")
struct GroupBookTests {
  private let id = GroupID()
  private let time = Timestamp(milliseconds: 1_763_700_000_123)

  private func record(_ sequence: Int64, _ state: JobState = .queued, weight: Int = 1) -> EmbeddedRecord {
    let request = JobRequest.example {
      $0.group = id
      $0.weight = weight
    }
    let score = QueueScore(base: sequence, priority: .normal, ageing: nil)
    var record = EmbeddedRecord.accepted(
      request, at: .init(sequence: sequence, base: sequence, score: score), QueueSettings(), parents: [],
      isParked: false, at: time
    ).0
    record.job.state = state
    return record
  }

  private func book(since: Int64 = 1, of records: [EmbeddedRecord]) -> GroupBook {
    var book = GroupBook()
    book.put(EmbeddedGroup(GroupRequest(id: id, user: "alice"), since: since, at: time), id)
    for record in records { book.count(from: nil, to: record, in: id) }
    return book
  }

  @Test("counts what comes, changes and goes")
  func counts() throws {
    let (first, second) = (record(1, weight: 2), record(2, .completed, weight: 3))
    var book = book(of: [first, second])
    #expect(book.shown(id)?.counts == [.queued: 1, .completed: 1])
    #expect(book.shown(id)?.weight == 5 && book.shown(id)?.weightedPermille == 3000)
    #expect(book.permille(of: id) == 600 && book.pending(in: id) == 1)
    var running = first
    running.job.state = .running
    running.job.progress.percent = 50
    book.count(from: first, to: running, in: id)
    #expect(book.permille(of: id) == 800)
    book.count(from: running, to: nil, in: id)
    #expect(book.shown(id)?.counts == [.completed: 1] && book.permille(of: id) == 1000)
    book.count(from: second, to: nil, in: id)
    #expect(book.shown(id)?.counts == [:] && book.shown(id)?.percent == nil)
    book.put(nil, id)
    #expect(book.isEmpty && book.shown(id) == nil && book.ids(after: nil, limit: 9).isEmpty)
  }

  @Test("keeps the jobs of a group that is forgotten, for one that is taken in, and not for a new one")
  func names() {
    let (old, new) = (record(1), record(5))
    var book = book(of: [old])
    let group = book[id]
    book.put(nil, id)
    #expect(book.shown(id) == nil && book.members(of: id).counts == [.queued: 1])
    book.put(group, id)
    #expect(book.shown(id)?.jobs == 1, "the forgetting was taken back")
    #expect(book.counting(old) != nil)
    book.put(nil, id)
    book.put(EmbeddedGroup(GroupRequest(id: id, user: "alice"), since: 5, at: time), id)
    book.count(from: nil, to: new, in: id)
    #expect(book.shown(id)?.jobs == 1)
    #expect(book.counting(old) == nil && book.counting(new) != nil && !book.misses(old))
    book.count(from: old, to: record(1, .completed), in: id)
    book.count(from: old, to: nil, in: id)
    book.count(from: nil, to: old, in: id)
    #expect(book.shown(id)?.counts == [.queued: 1])
  }

  @Test("says what it counts wrongly")
  func audit() {
    let (first, second) = (record(1, weight: 2), record(2))
    let book = book(of: [first, second])
    let records = [first.job.id: first, second.job.id: second]
    #expect(book.wrongCounts(of: id) { records[$0] }.isEmpty)
    var changed = first
    changed.job.state = .completed
    let wrong = book.wrongCounts(of: id) { $0 == first.job.id ? changed : records[$0] }
    #expect(wrong.map(\.name) == ["queued jobs", "completed jobs", "weighted permille"])
    #expect(wrong.map(\.found) == [2, 0, 0] && wrong.map(\.wanted) == [1, 1, 2000])
    let gone = book.wrongCounts(of: id) { $0 == first.job.id ? nil : records[$0] }
    #expect(gone.map(\.name) == ["queued jobs", "jobs", "weight"])
    #expect(book.misses(record(3)) && !book.misses(first))
  }

  @Test("names groups in pieces, and those whose time is over first")
  func order() {
    var book = GroupBook()
    var ids: [GroupID] = []
    for number in 0..<5 {
      let id = GroupID(at: time + .seconds(number))
      ids.append(id)
      let made = time - .seconds(number)
      book.put(EmbeddedGroup(GroupRequest(id: id, user: "alice"), since: 1, at: made), id)
    }
    #expect(book.ids(after: nil, limit: 2) == Array(ids[..<2]))
    #expect(book.ids(after: ids[1], limit: 9) == Array(ids[2...]))
    let end = time + JobGroup.retention
    #expect(book.expired(by: end - .seconds(3), limit: 9) == [ids[4], ids[3]])
    #expect(book.expired(by: end, limit: 2) == [ids[4], ids[3]])
    var member = record(1)
    member.job.group = ids[4]
    book.count(from: nil, to: member, in: ids[4])
    #expect(book.expired(by: end, limit: 9) == [ids[3], ids[2], ids[1], ids[0]], "one waits for a job")
  }
}

extension Timestamp {
  fileprivate static func - (time: Timestamp, duration: Duration) -> Timestamp {
    Timestamp(milliseconds: time.milliseconds - duration.milliseconds)
  }
}

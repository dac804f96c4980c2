import EventLoop
import Gateway
import Jobs
import Testing

@Suite("An outbox") struct OutboxTests {
  private let key = Outbox.ProgressKey(channel: .job(JobID()), subject: .job(JobID()))
  private let other = Outbox.ProgressKey(channel: .job(JobID()), subject: .job(JobID()))

  private func frame(_ text: String) -> PreparedFrame { PreparedFrame(raw: Array(text.utf8)) }

  @EventLoop private func texts(_ outbox: inout Outbox) -> [String] {
    outbox.takeBatch(limit: .max).map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  @Test("keeps all progress while the reader keeps up")
  @EventLoop func everything() {
    var outbox = Outbox()
    for percent in 1...3 { outbox.append(progress: frame("\(percent)"), of: key, isConflating: false) }
    #expect(texts(&outbox) == ["1", "2", "3"])
    #expect(outbox.conflatedCount == 0)
  }

  @Test("keeps the newest progress of each job for a reader that is behind")
  @EventLoop func newest() {
    var outbox = Outbox()
    for percent in 1...100 {
      outbox.append(progress: frame("a\(percent)"), of: key, isConflating: true)
      outbox.append(progress: frame("b\(percent)"), of: other, isConflating: true)
    }
    #expect(outbox.count == 2)
    #expect(outbox.conflatedCount == 198)
    #expect(texts(&outbox) == ["a100", "b100"])
  }

  @Test("never drops and never reorders state changes")
  @EventLoop func stateChanges() {
    var outbox = Outbox()
    outbox.append(progress: frame("10"), of: key, isConflating: true)
    outbox.append(stateChange: frame("cancelling"), of: key)
    outbox.append(progress: frame("20"), of: key, isConflating: true)
    outbox.append(progress: frame("30"), of: key, isConflating: true)
    outbox.append(stateChange: frame("cancelled"), of: key)
    #expect(texts(&outbox) == ["10", "cancelling", "30", "cancelled"])
  }

  @Test("takes publications as what they are, in the form that they are given")
  @EventLoop func publications() {
    let id = JobID()
    var outbox = Outbox()
    for (offset, kind) in [JobEvent.Class.state, .progress, .progress, .state, .progress].enumerated() {
      let event = JobEvent.example(id, offset: UInt64(offset + 1), class: kind)
      outbox.append(
        Publication(event, on: .job(id)), as: frame("\(kind) \(offset + 1)"), isConflating: true)
    }
    #expect(outbox.mustDeliverAdded == 2 && outbox.conflatedCount == 1)
    #expect(texts(&outbox) == ["state 1", "progress 3", "state 4", "progress 5"])
  }

  @Test("counts bytes through replacement and taking")
  @EventLoop func bytes() {
    var outbox = Outbox()
    outbox.append(progress: frame("1"), of: key, isConflating: true)
    outbox.append(progress: frame("4444"), of: key, isConflating: true)
    outbox.append(frame("333"))
    #expect(outbox.byteCount == 7)
    #expect(outbox.mustDeliverByteCount == 3)
    _ = outbox.takeBatch(limit: 5)
    #expect(outbox.byteCount == 3)
    #expect(outbox.mustDeliverTaken == 0)
    _ = outbox.takeBatch(limit: 5)
    #expect(outbox.isEmpty)
    #expect(outbox.mustDeliverTaken == outbox.mustDeliverAdded)
  }

  @Test("replaces nothing that was taken already")
  @EventLoop func afterTaking() {
    var outbox = Outbox()
    outbox.append(progress: frame("1"), of: key, isConflating: true)
    outbox.append(frame("reply"))
    #expect(outbox.takeBatch(limit: 1).count == 1)
    outbox.append(progress: frame("2"), of: key, isConflating: true)
    #expect(texts(&outbox) == ["reply", "2"])
  }

  @Test("hands over one frame even if it is larger than the batch")
  @EventLoop func oversized() {
    var outbox = Outbox()
    outbox.append(frame("a long frame"))
    outbox.append(frame("another"))
    #expect(outbox.takeBatch(limit: 1).count == 1)
  }

  @Test("merges what waits for a slow reader into messages of sixteen objects")
  @EventLoop func merging() {
    var outbox = Outbox()
    for number in 1...20 { outbox.append(PreparedFrame(text: Array("{\"id\":\(number)}".utf8))) }
    let messages = outbox.takeMerged(limit: .max).map { String(decoding: $0.payload, as: UTF8.self) }
    #expect(messages.map { $0.split(separator: "\n").count } == [16, 4])
    #expect(messages.first?.hasPrefix("{\"id\":1}\n{\"id\":2}\n") == true)
    #expect(messages.last?.hasSuffix("\n{\"id\":20}") == true)
    #expect(outbox.isEmpty)
  }

  @Test("counts what is taken as delivered and what is replaced as conflated")
  @EventLoop func counting() {
    var outbox = Outbox()
    let counters = DeliveryCounters()
    for _ in 1...3 { outbox.append(progress: frame("p"), of: key, isConflating: true, countedBy: counters) }
    outbox.append(stateChange: frame("s"), of: key, countedBy: counters)
    outbox.append(frame("a reply"))
    #expect(counters.census.delivered == 0)
    _ = outbox.takeBatch(limit: .max)
    #expect(counters.census.delivered == 2)
    #expect(counters.census.conflated == 2)
  }

  @Test("stays bounded by the jobs watched, whatever the rate")
  @EventLoop func bounded() {
    var outbox = Outbox()
    let keys = (0..<10).map { _ in Outbox.ProgressKey(channel: .user("a"), subject: .job(JobID())) }
    for round in 0..<10_000 {
      outbox.append(progress: frame("p"), of: keys[round % 10], isConflating: true)
    }
    #expect(outbox.count == 10)
  }
}

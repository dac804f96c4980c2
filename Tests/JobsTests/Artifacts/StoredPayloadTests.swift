import Foundation
import Jobs
import Support
import Testing

@Suite("Payloads in the store") struct StoredPayloadTests {
  private let folder = TemporaryFolder()
  private var store: ArtifactStore { ArtifactStore(root: folder.path("store")) }
  private let text = JSONText(unchecked: Array(#"{"a": 12345678901234567890,"é":"\u0041"}"#.utf8))
  private let day = Duration.seconds(24 * 3600)

  private func file(of payload: StoredPayload) -> String {
    folder.path("store/payloads/\(payload.job.description.suffix(2))/\(payload.name)")
  }

  private func write(_ bytes: [UInt8], to payload: StoredPayload) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: file(of: payload)))
  }

  @Test("come back to the byte, and are readable by their owner only")
  func roundTrip() async throws {
    let payload = try await store.keep(text, of: JobID())
    #expect(payload.size == text.bytes.count && payload.digest == JobPayload.inline(text).digest)
    #expect(try await store.text(of: payload) == text)
    let mode = try FileManager.default.attributesOfItem(atPath: file(of: payload))[.posixPermissions]
    #expect(mode as? Int == 0o600)
    try await store.remove(payload)
    try await store.remove(payload)
    #expect(!FileManager.default.fileExists(atPath: file(of: payload)))
  }

  @Test("leave nothing beside them, and may be kept twice")
  func twice() async throws {
    let job = JobID()
    _ = try await store.keep(.emptyObject, of: job)
    let payload = try await store.keep(text, of: job)
    #expect(try await store.text(of: payload) == text)
    let names = try FileManager.default.contentsOfDirectory(
      atPath: (file(of: payload) as NSString).deletingLastPathComponent)
    #expect(names == [payload.name])
  }

  @Test("that are not there are missing, and a store without any is told apart")
  func missing() async throws {
    let payload = StoredPayload(job: JobID(), size: 2, digest: JobPayload.emptyObject.digest)
    let place = "payloads/\(payload.job.description.suffix(2))/\(payload.job)"
    await #expect(throws: StoredPayloadFault.missing(place, inEmptyStore: true)) {
      try await store.text(of: payload)
    }
    _ = try await store.keep(text, of: JobID())
    await #expect(throws: StoredPayloadFault.missing(place, inEmptyStore: false)) {
      try await store.text(of: payload)
    }
    #expect(StoredPayloadFault.missing(place, inEmptyStore: true).failure.message.contains("artifacts.folder"))
  }

  @Test("that were changed are damaged, and not given out")
  func damaged() async throws {
    let payload = try await store.keep(text, of: JobID())
    var changed = text.bytes
    changed[0] = UInt8(ascii: "[")
    for bytes in [changed, text.bytes + [0x20], text.bytes.dropLast(), []] {
      try write(bytes, to: payload)
      let fault = await #expect(throws: StoredPayloadFault.self) { try await store.text(of: payload) }
      guard case .damaged = fault else {
        Issue.record("found \(String(describing: fault))")
        continue
      }
      #expect(fault?.mayPass == false)
    }
    try write(text.bytes, to: payload)
    #expect(try await store.text(of: payload) == text)
  }

  @Test("that cannot be opened are unreadable, which may pass")
  func unreadable() async throws {
    let payload = try await store.keep(text, of: JobID())
    try FileManager.default.removeItem(atPath: file(of: payload))
    // A link is never followed.
    try FileManager.default.createSymbolicLink(
      atPath: file(of: payload), withDestinationPath: "/etc/hostname")
    let fault = await #expect(throws: StoredPayloadFault.self) { try await store.text(of: payload) }
    #expect(fault?.failure.code == "payload_unreadable" && fault?.mayPass == true)
  }

  // MARK: The sweep

  /// What is left of these after a sweep so long after now.
  private func left(
    of payloads: [StoredPayload], after time: Duration, kept: Set<JobID> = [], removes: Bool = true
  ) async throws -> [Bool] {
    _ = try await store.sweepPayloads(olderThan: day, now: .now + time, removes: removes) { job, _ in
      kept.contains(job)
    }
    return payloads.map { FileManager.default.fileExists(atPath: file(of: $0)) }
  }

  @Test("go when nobody vouched for them in time, and no earlier")
  func orphans() async throws {
    let payload = try await store.keep(text, of: JobID())
    #expect(try await left(of: [payload], after: .zero) == [true])
    #expect(try await left(of: [payload], after: day * 0.9) == [true], "its enqueue may be under way")
    #expect(try await left(of: [payload], after: day * 2, removes: false) == [true])
    #expect(try await left(of: [payload], after: day * 1.1) == [false])
  }

  @Test("stay while one of those who sweep has a use for them")
  func vouchedFor() async throws {
    let payload = try await store.keep(text, of: JobID())
    let orphan = try await store.keep(text, of: JobID())
    // One broker knows the job, another with the same folder does not: they sweep in turns.
    for quarter in 1...12 {
      let time = day * (Double(quarter) * 0.25)
      #expect(try await left(of: [payload], after: time) == [true], "after \(quarter) quarters")
      #expect(try await left(of: [payload], after: time, kept: [payload.job]) == [true])
    }
    #expect(!FileManager.default.fileExists(atPath: file(of: orphan)))
    #expect(try await left(of: [payload], after: day * 3.9) == [true])
    #expect(try await left(of: [payload], after: day * 4.1) == [false], "its job was forgotten")
  }

  @Test("are asked about once in half of the time")
  func questions() async throws {
    let payload = try await store.keep(text, of: JobID())
    var asked = 0
    for hour in 0..<48 {
      _ = try await store.sweepPayloads(olderThan: day, now: .now + .seconds(hour * 3600)) { job, _ in
        #expect(job == payload.job)
        asked += 1
        return true
      }
    }
    #expect((2...4).contains(asked), "\(asked)")
  }

  @Test("of a callback are asked about with their group; what a killed writer left goes")
  func callbacks() async throws {
    let group = GroupID()
    let payload = try await store.keep(text, of: JobID(), group: group)
    let half = file(of: payload) + ".123.partial"
    try Data("x".utf8).write(to: URL(fileURLWithPath: half))
    let removed = try await store.sweepPayloads(olderThan: day, now: .now + day * 2) { job, asked in
      #expect(job == payload.job && asked == group)
      return true
    }
    #expect(removed == 1 && !FileManager.default.fileExists(atPath: half))
    #expect(try await store.text(of: payload) == text)
  }

  @Test("stay where nobody can be asked, and the others are swept all the same")
  func unanswered() async throws {
    let payloads = [
      try await store.keep(text, of: JobID()), try await store.keep(text, of: JobID()),
      try await store.keep(text, of: JobID()),
    ]
    await #expect(throws: BrokerError.unavailable) {
      try await store.sweepPayloads(olderThan: day, now: .now + day * 2) { job, _ in
        if job == payloads[1].job { throw BrokerError.unavailable }
        return job == payloads[0].job
      }
    }
    #expect(
      payloads.map { FileManager.default.fileExists(atPath: file(of: $0)) } == [true, true, false])
  }

  @Test("are no concern of an empty store")
  func empty() async throws {
    #expect(try await store.sweepPayloads(olderThan: day) { _, _ in true } == 0)
  }
}

import EventLoop
import Foundation
import Jobs
import Support
import Testing

@Suite("Payloads over the limit") struct PayloadStoreTests {
  private let folder = TemporaryFolder()
  private var payloads: PayloadStore {
    PayloadStore(files: ArtifactStore(root: folder.path("store")), inlineLimit: 2000)
  }

  /// How many payloads lie in the store.
  private var count: Int {
    let names = FileManager.default.enumerator(atPath: folder.path("store/payloads"))?.allObjects ?? []
    return names.compactMap { $0 as? String }.filter { $0.contains("/") }.count
  }

  @Test("are moved, and those at it are not")
  @EventLoop func edge() async throws {
    for (count, isMoved) in [(1999, false), (2000, false), (2001, true), (256 << 10, true)] {
      let request = JobRequest.example(payload: .filler(count))
      let moved = try await payloads.moved(request)
      if case .stored = moved.payload { #expect(isMoved) } else { #expect(!isMoved) }
      #expect(moved.payload.size == count)
      #expect(.inline(try await payloads.text(of: moved.payload)) == request.payload)
      let again = try await payloads.moved(moved)
      #expect(again == moved, "what was moved stays")
    }
    #expect(count == 2)
  }

  @Test("are safe before the broker is asked, and stay when it has them on record")
  @EventLoop func accepted() async throws {
    let request = JobRequest.example(payload: .filler(3000))
    let asked = try await payloads.submit(request) { moved async throws(BrokerError) in
      #expect(moved.id == request.id && count == 1)
      return moved
    } isKept: { _ in
      true
    }
    #expect(.inline(try await payloads.text(of: asked.payload)) == request.payload)
  }

  @Test("leave no file where the broker refused, or answered with another job")
  @EventLoop func unused() async throws {
    let request = JobRequest.example(payload: .filler(3000))
    for refusal in [BrokerError.queueFull(limit: 1), .idempotencyKeyReused, .groupClosed] {
      await #expect(throws: PayloadStore.SubmissionFault.broker(refusal)) {
        try await payloads.submit(request) { _ async throws(BrokerError) in
          throw refusal
        } isKept: {
          true
        }
      }
      #expect(count == 0)
    }
    _ = try await payloads.submit(request) { _ async throws(BrokerError) in
      #expect(count == 1)
    } isKept: { _ in
      false
    }
    #expect(count == 0)
  }

  @Test("keep their file where the broker's answer is not known, for the sweep to judge")
  @EventLoop func unknown() async throws {
    var broker = try await EmbeddedBroker.open(at: folder.path("broker"), logger: .silent)
    let first = broker
    for isAccepted in [true, false] {
      let request = JobRequest.example(payload: .filler(3000))
      await #expect(throws: PayloadStore.SubmissionFault.broker(.unavailable)) {
        try await payloads.submit(request) { moved async throws(BrokerError) in
          // As if the process or the connection ended here.
          if isAccepted { _ = try await first.enqueue(moved) }
          throw BrokerError.unavailable
        } isKept: {
          true
        }
      }
    }
    #expect(count == 2)
    await first.close()
    broker = try await EmbeddedBroker.open(at: folder.path("broker"), logger: .silent)
    let day = Duration.seconds(24 * 3600)
    #expect(try await payloads.sweep(olderThan: day, now: .now + day * 0.9, knownTo: broker) == 0)
    #expect(try await payloads.sweep(olderThan: day, now: .now + day * 1.1, knownTo: broker) == 1)
    let leased = try #require(try await broker.next())
    #expect(try await payloads.text(of: leased.payload) == .filler(3000))
    await broker.close()
  }

  @Test("are refused with the store's fault where it takes none, and the broker is not asked")
  @EventLoop func noStore() async throws {
    try folder.write("a file in the way", to: "store")
    let fault = await #expect(throws: PayloadStore.SubmissionFault.self) {
      try await payloads.submit(.example(payload: .filler(3000))) { _ async throws(BrokerError) in
        Issue.record("the broker was asked")
      } isKept: { _ in
        true
      }
    }
    guard case .store(.failed) = fault else {
      Issue.record("found \(String(describing: fault))")
      return
    }
  }

  @Test("of a callback live as long as their group or their job, those of a job as long as it")
  @EventLoop func lifetimes() async throws {
    let clock = ManualClock()
    let broker = try await EmbeddedBroker.open(
      at: folder.path("broker"), clock: { clock.now }, logger: .silent)
    let day = Duration.seconds(24 * 3600)
    try await broker.change { $0.failed.age = day * 30 }
    var group = GroupRequest(user: "alice")
    group.callback = try await payloads.moved(.example(payload: .filler(3000)), callbackOf: group.id)
    _ = try await broker.create(group)
    func swept(_ now: Timestamp) async throws -> Int {
      try await payloads.sweep(olderThan: day, now: now, knownTo: broker)
    }
    #expect(try await swept(.now + day * 2) == 0, "nothing but its group is on record")
    _ = try await broker.close(group.id)
    let callback = try #require(try await broker.group(group.id)?.callback)
    let leased = try #require(try await broker.next())
    #expect(leased.lease.job == callback)
    #expect(try await payloads.text(of: leased.payload) == .filler(3000))
    try await broker.end(leased.lease, .fail(.example, retry: .never))
    clock.advance(by: JobGroup.retention + day)
    _ = try await broker.maintain(limit: 100, LossRules())
    #expect(try await broker.group(group.id) == nil)
    #expect(try await broker.job(callback) != nil, "a failed job is kept longer than its group")
    #expect(try await swept(.now + day * 4) == 0)
    #expect(try await broker.retry(callback).state == .queued)
    #expect(try await broker.remove(callback))
    #expect(try await swept(.now + day * 6) == 1)
    #expect(count == 0)
    await broker.close()
  }
}

extension JSONText {
  /// A string of so many bytes in all.
  static func filler(_ count: Int) -> JSONText {
    JSONText(unchecked: Array("\"\(String(repeating: "x", count: count - 2))\"".utf8))
  }
}

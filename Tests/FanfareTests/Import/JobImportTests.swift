import EventLoop
import Gateway
import Jobs
import Logging
import Support
import Testing

@testable import Fanfare

@Suite("An import", .timeLimit(.minutes(1))) struct JobImportTests {
  /// Queues of a system that does as the test says.
  @EventLoop private final class Queues: ForeignQueues {
    nonisolated let system = "test"
    var waiting: [String]
    var removals: [String: ForeignRemoval] = [:]
    /// Called before a job is removed.
    var beforeRemoval: (String) async throws -> Void = { _ in }
    var running = 0
    var kind = JobKind("f")!
    var payloads: [String: JSONText] = [:]

    init(_ waiting: [String]) { self.waiting = waiting }

    func names() async throws -> [String] { ["render"] }

    func jobs(in queue: String, withFailed: Bool) async throws -> [ForeignJobs] {
      [ForeignJobs(place: .waiting, ids: waiting)]
    }

    func others(in queue: String) async throws -> [(state: String, count: Int)] { [("running", running)] }

    func job(
      _ id: String, in queue: String, at place: ForeignPlace, _ rules: ImportRules
    ) async throws -> ForeignJob {
      guard id != "odd" else { throw ForeignJobFault("it is odd") }
      return ForeignJob(name: "f", kind: kind, payload: payloads[id] ?? .emptyObject)
    }

    func remove(_ id: String, from queue: String, at place: ForeignPlace) async throws -> ForeignRemoval {
      try await beforeRemoval(id)
      if let removal = removals[id] { return removal }
      waiting.removeAll { $0 == id }
      return .removed
    }

    func standing(of id: String) async throws -> ForeignStanding { .unknown }

    nonisolated func id(of job: String, in queue: String) -> JobID { JobID(standingFor: "\(queue) \(job)") }
  }

  private struct CutOff: Error {}

  @EventLoop private static func run(_ queues: Queues, into broker: (any Broker)?, _ folder: TemporaryFolder)
    async throws
    -> ImportReport
  {
    let target = broker.map {
      JobImport.Target(
        broker: $0, payloads: PayloadStore(files: ArtifactStore(root: folder.path("files"))), sizeLimit: 64 << 10)
    }
    return try await JobImport(source: queues, rules: ImportRules(), withFailed: false, target: target) { _ in }.run([])
  }

  private static func withBroker(
    _ body: @EventLoop (any Broker, TemporaryFolder) async throws -> Void
  ) async throws {
    let folder = TemporaryFolder()
    let broker = try await EmbeddedBroker.open(
      at: folder.path("broker"), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await body(broker, folder)
    await broker.close()
  }

  @Test("moves in order, tells what stays, and without a target only looks")
  func moves() async throws {
    try await Self.withBroker { broker, folder in
      let queues = Queues(["1", "odd", "2"])
      queues.running = 1
      let look = try await Self.run(queues, into: nil, folder)
      #expect(look.lines == ["render  would move 2 waiting; would leave 1; 1 running, which stays"])
      #expect(queues.waiting == ["1", "odd", "2"])
      let done = try await Self.run(queues, into: broker, folder)
      #expect(done.lines == ["render  moved 2 waiting; left 1; 1 running, which stays"])
      #expect(!done.isComplete && queues.waiting == ["odd"])
      let jobs = try await broker.jobs(matching: JobFilter(user: "import")).jobs
      #expect(jobs.map(\.id) == [queues.id(of: "2", in: "render"), queues.id(of: "1", in: "render")])
    }
  }

  @Test("doubles nothing when it was cut off between the two systems")
  func cutOff() async throws {
    try await Self.withBroker { broker, folder in
      let queues = Queues(["1", "2"])
      queues.beforeRemoval = { if $0 == "2" { throw CutOff() } }
      await #expect(throws: CutOff.self) { try await Self.run(queues, into: broker, folder) }
      #expect(queues.waiting == ["2"])
      queues.beforeRemoval = { _ in }
      let again = try await Self.run(queues, into: broker, folder)
      #expect(again.isComplete && again.lines == ["render  moved 1 waiting"])
      #expect(try await broker.jobs(matching: JobFilter()).jobs.count == 2)
    }
  }

  @Test("keeps a large payload where it is kept, however often it is begun, and leaves one that is too large")
  func payloads() async throws {
    try await Self.withBroker { broker, folder in
      let queues = Queues(["1", "2"])
      let large = try JSONText(validating: #"{"text":"\#(String(repeating: "x", count: 40 << 10))"}"#)
      let tooLarge = try JSONText(validating: #"{"text":"\#(String(repeating: "x", count: 64 << 10))"}"#)
      queues.payloads = ["1": large, "2": tooLarge]
      queues.beforeRemoval = { _ in throw CutOff() }
      await #expect(throws: CutOff.self) { try await Self.run(queues, into: broker, folder) }
      queues.beforeRemoval = { _ in }
      let report = try await Self.run(queues, into: broker, folder)
      #expect(report.left.map(\.id) == ["2"])
      let job = try #require(try await broker.job(queues.id(of: "1", in: "render")))
      let store = PayloadStore(files: ArtifactStore(root: folder.path("files")))
      let payload = try #require(job.payload)
      guard case .stored = payload else { return #expect(Bool(false), "it is too large for the broker's record") }
      #expect(try await store.text(of: payload) == large)
    }
  }

  @Test("finds the images of a video's session, and leaves the job where there are none")
  func slideshow() async throws {
    try await Self.withBroker { broker, folder in
      let session = SessionFolder()
      let queues = Queues(["1", "2"])
      queues.kind = JobKind("slideshow")!
      queues.payloads = [
        "1": try JSONText(validating: #"{"session_id":"\#(session)","duration":3,"transition":"fade"}"#),
        "2": try JSONText(validating: #"{"session_id":"\#(SessionFolder())"}"#),
      ]
      let store = ArtifactStore(root: folder.path("files"))
      let (first, second) = (UploadID(), UploadID())
      for image in [first, second] { try await store.add(image, to: session, of: "import") }
      let report = try await Self.run(queues, into: broker, folder)
      #expect(report.left.map(\.id) == ["2"])
      let job = try await broker.job(queues.id(of: "1", in: "render"))
      let wanted =
        #"{"images":["upload:\#(first)","upload:\#(second)"],"duration":3,"transition":"fade","session":"\#(session)"}"#
      #expect(job?.payload == .inline(try JSONText(validating: wanted)))
    }
  }

  @Test("withdraws what a worker of the other system took meanwhile, but not what another import accepted")
  func taken() async throws {
    try await Self.withBroker { broker, folder in
      let queues = Queues(["1"])
      queues.removals = ["1": .taken]
      let report = try await Self.run(queues, into: broker, folder)
      #expect(report.left.map(\.outcome) == [.left(reason: "a worker took it")])
      #expect(try await broker.jobs(matching: JobFilter()).jobs.isEmpty)
      queues.removals = ["1": .gone]
      _ = try await Self.run(queues, into: broker, folder)
      queues.removals = ["1": .taken]
      _ = try await Self.run(queues, into: broker, folder)
      #expect(try await broker.jobs(matching: JobFilter()).jobs.count == 1)
    }
  }
}

import EventLoop
import Foundation
import Support
import Testing

@testable import Jobs

@Suite("A backup")
struct BackupFileTests {
  private let folder = TemporaryFolder()
  private var path: String { folder.path + "/b.backup.gz" }
  private var payloads: PayloadStore { PayloadStore(files: ArtifactStore(root: folder.path + "/files")) }

  @Test("holds everything there is, to the byte")
  func roundTrip() async throws {
    let entries = try ArchiveExamples.everything()
    let written = try await BackupFile.write(ListedArchive(entries), payloads, to: path)
    #expect(written.entries == entries.count)
    #expect(written.jobs == 3)
    let target = await ListedArchive()
    let (summary, report) = try await BackupFile.restore(path, into: target, payloads)
    #expect(await target.entries.map(\.withoutEpoch) == entries.map(\.withoutEpoch))
    let epochs = await Set(target.entries.compactMap(\.epoch))
    #expect(epochs.count == entries.compactMap(\.epoch).count && epochs.allSatisfy { $0.utf8.count == 8 })
    #expect(epochs.isDisjoint(with: entries.compactMap(\.epoch)), "who watched is told that this is another life")
    #expect(report.restored == entries.count)
    #expect(summary.createdAt == written.createdAt)
    #expect(summary.bytes == written.bytes)
  }

  /// A payload store of its own, as another machine has.
  private func store(_ name: String, limit: Int) -> PayloadStore {
    PayloadStore(files: ArtifactStore(root: folder.path(name)), inlineLimit: limit)
  }

  @Test("carries payloads out of the store, and restores them into another's, by the limit there")
  func largePayloads() async throws {
    let here = store("here", limit: 2000)
    let sizes = [2000, 2001, 5000, 5001]
    let source = try await EmbeddedBroker.open(at: folder.path("source"), logger: .silent)
    let requests = sizes.map { JobRequest.example(payload: .filler($0)) }
    for request in requests { try await source.accept(here.moved(request)) }
    var group = GroupRequest(user: "alice")
    group.callback = try await here.moved(.example(payload: .filler(5002)), callbackOf: group.id)
    _ = try await source.create(group)
    let written = try await BackupFile.write(source, here, to: path)
    #expect(written.missingPayloads == 0 && written.jobs == 4)
    #expect(try await BackupFile.verify(path) == written)
    // Nothing of the first machine is left.
    await source.close()
    try FileManager.default.removeItem(atPath: folder.path("here"))

    let there = store("there", limit: 5000)
    let target = try await EmbeddedBroker.open(at: folder.path("target"), logger: .silent)
    let (_, report) = try await BackupFile.restore(path, into: target, there)
    #expect(report.restored == written.entries && report.known == 0)
    for request in requests {
      let payload = try #require(try await target.job(request.id)?.payload)
      if case .stored = payload {
        #expect(payload.size == 5001)
      } else {
        #expect(payload.size <= 5000)
      }
      #expect(.inline(try await there.text(of: payload)) == request.payload)
    }
    _ = try await target.close(group.id)
    let followed = try #require(group.callback)
    let callback = try #require(try await target.job(followed.id)?.payload)
    guard case .stored(let stored) = callback else {
      Issue.record("the callback's payload was not moved")
      return
    }
    #expect(stored.group == group.id)
    #expect(try await there.text(of: callback) == .filler(5002))
    let (_, again) = try await BackupFile.restore(path + ".restored", into: target, there)
    #expect(again.known == written.entries && again.restored == 0)
    await target.close()
  }

  @Test("has the job all the same where its payload is missing, and says so")
  func missingPayload() async throws {
    let here = store("here", limit: 2000)
    let source = try await EmbeddedBroker.open(at: folder.path("source"), logger: .silent)
    let request = try await here.moved(.example(payload: .filler(3000)))
    try await source.accept(request)
    try FileManager.default.removeItem(atPath: folder.path("here"))
    #expect(try await BackupFile.write(source, here, to: path).missingPayloads == 1)
    #expect(try await BackupFile.verify(path).missingPayloads == 1)
    await source.close()
    let target = try await EmbeddedBroker.open(at: folder.path("target"), logger: .silent)
    _ = try await BackupFile.restore(path, into: target, here)
    #expect(try await target.job(request.id)?.payload == request.payload)
    await target.close()
  }

  @Test("is set aside once it was taken in, and taken in twice does no harm")
  func setAside() async throws {
    let target = await ListedArchive()
    try await BackupFile.write(ListedArchive(ArchiveExamples.everything()), payloads, to: path)
    _ = try await BackupFile.restore(path, into: target, payloads)
    #expect(!FileManager.default.fileExists(atPath: path))
    let count = await target.entries.count
    let (_, again) = try await BackupFile.restore(path + ".restored", into: target, payloads)
    #expect(again.restored == 0)
    #expect(again.known == count)
    #expect(await target.entries.count == count)
  }

  @Test("is not set aside where the broker does not say that it has as many entries")
  func shortCount() async throws {
    let target = await ListedArchive()
    await EventLoop.run { target.isForgetful = true }
    try await BackupFile.write(ListedArchive(ArchiveExamples.everything()), payloads, to: path)
    let error = await #expect(throws: BackupError.self) {
      _ = try await BackupFile.restore(path, into: target, payloads)
    }
    #expect(error?.reason.contains("the broker took in 0 and knew 0") == true)
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test("is empty for an empty broker")
  func empty() async throws {
    try await BackupFile.write(ListedArchive(), payloads, to: path)
    let summary = try await BackupFile.verify(path)
    #expect(summary.entries == 0)
  }

  @Test("is never half a file: one that could not be finished leaves none")
  func unfinished() async throws {
    let source = try await ListedArchive(ArchiveExamples.everything())
    await EventLoop.run { source.fault = .unavailable }
    await #expect(throws: BrokerError.unavailable) {
      try await BackupFile.write(source, payloads, to: path)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("that was cut anywhere is refused, and nothing of it taken in")
  func cut() async throws {
    try await BackupFile.write(ListedArchive(ArchiveExamples.everything()), payloads, to: path)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    let target = await ListedArchive()
    for length in stride(from: 0, to: whole.count, by: 7) {
      try whole.prefix(length).write(to: URL(fileURLWithPath: path))
      await #expect(throws: BackupError.self, "of \(length) bytes") {
        _ = try await BackupFile.restore(path, into: target, payloads)
      }
    }
    #expect(await target.entries.isEmpty)
  }

  @Test("of which one byte changed is refused")
  func changed() async throws {
    try await BackupFile.write(ListedArchive(ArchiveExamples.everything()), payloads, to: path)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    // The first ten bytes are gzip's header, whose time and system nobody reads; the ninth from the end may have
    // bits to spare behind the last of the content (RFC 1951, 3.2.3), which mean nothing.
    for place in stride(from: 10, to: whole.count, by: 5) where place != whole.count - 9 {
      var changed = whole
      changed[place] ^= 0x10
      try changed.write(to: URL(fileURLWithPath: path))
      await #expect(throws: BackupError.self, "at \(place)") {
        _ = try await BackupFile.verify(path)
      }
    }
  }

  @Test(
    "that nobody wrote is refused, with its fault",
    arguments: [
      ("", "is no backup of Fanfare's"), ("hello", "ends in the middle of a line"),
      (#"{"fanfare_backup":3}"# + "\n", "was written by a newer Fanfare (form 3)"),
      (#"{"fanfare_backup":1}"# + "\n", "ends in the middle: its last line is missing"),
      (
        #"{"fanfare_backup":1}"# + "\n" + #"{"job":{}}"# + "\n",
        "has a fault in line 2: priority is missing or no whole number"
      ),
      (#"{"fanfare_backup":1}"# + "\n" + "[\n", "has a fault in line 2: is not JSON"),
    ])
  func foreign(_ text: String, _ reason: String) async throws {
    // gzip's reader takes what is not compressed as it is.
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let error = await #expect(throws: BackupError.self) { _ = try await BackupFile.verify(path) }
    #expect(error?.reason.hasPrefix(reason) == true, "\(error?.reason ?? "")")
  }

  @Test("of the first form is read as one without what the second has")
  func firstForm() async throws {
    let id = JobID()
    let lines = [
      #"{"fanfare_backup":1,"created_at":1763700000123}"#,
      #"{"queue":{"name":"video","mode":"active","order":"fifo","defaults":{"max_attempts":3}}}"#,
      #"{"job":{"id":"\#(id)","queue":"video","kind":"example","user":"alice","state":"queued","priority":5,"#
        + #""attempt":0,"lost":0,"created_at":1763700000123,"updated_at":1763700000123,"offset":1,"#
        + #""epoch":"00000001","payload":"{}","sequence":28010400123000,"base":428010400123000,"token":0,"#
        + #""weight":1}}"#,
    ].map { $0 + "\n" }.joined()
    let digest = RunningDigest()
    digest.update(Array(lines.utf8))
    let end = #"{"entries":2,"jobs":1,"sha256":"\#(digest.hexadecimal())"}"# + "\n"
    try Data((lines + end).utf8).write(to: URL(fileURLWithPath: path))
    let target = await ListedArchive()
    let (summary, _) = try await BackupFile.restore(path, into: target, payloads)
    #expect(summary.entries == 2 && summary.jobs == 1)
    let job = try #require(await target.entries.last?.snapshot)
    #expect(job.job.id == id && job.order == nil && !job.isRemoved)
  }

  @Test("is readable by its owner only")
  func permissions() async throws {
    try await BackupFile.write(ListedArchive(), payloads, to: path)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }
}

import EventLoop
import Foundation
import GRDB

/// What the embedded broker must not forget, in one SQLite file.
///
/// Write-ahead log, `synchronous = FULL`: a committed change survives the loss of power. Changes of
/// many calls are gathered while a transaction is being written and share the next one (group
/// commit), so that one flush to disk serves them all. Writing happens off the loop, in the order of
/// the calls.
@EventLoop
final class Journal {
  /// One change to a row; absolute, so that writing it again does no harm.
  enum Change: Sendable {
    case job(EmbeddedRecord.Row)
    case payload(JobID, [UInt8])
    case idempotencyKey(IdempotencyKey, IdempotencyEntry)
    case request(user: String, at: Timestamp)
    /// Keeps the lines with a number above `number` − 200.
    case logLine(JobID, number: Int, text: String)
    case removal(JobID)
    case removalOfKey(IdempotencyKey)
  }

  /// What was written before.
  struct Contents: Sendable {
    var jobs: [(row: EmbeddedRecord.Row, payload: [UInt8])] = []
    var keys: [IdempotencyKey: IdempotencyEntry] = [:]
    var requests: [(user: String, at: Timestamp)] = []
    var logs: [JobID: [(number: Int, text: String)]] = [:]
  }

  /// Changes that are to be written together with what happens once they are.
  private struct Batch {
    var changes: [Change] = []
    var afterwards: [@EventLoop () -> Void] = []
    var waiting: [CheckedContinuation<Bool, Never>] = []
    var isEmpty: Bool { changes.isEmpty && afterwards.isEmpty && waiting.isEmpty }
  }

  private let database: DatabaseQueue
  private let lock: FolderLock
  private var next = Batch()
  private var isWriting = false
  private var retry: LoopTimer?
  private var whenIdle: [CheckedContinuation<Void, Never>] = []
  private let report: @EventLoop (any Error) -> Void

  /// The last write failed, and is tried again each second: nothing new should be begun.
  private(set) var isFailing = false

  /// A fault for tests: thrown in place of the next writes.
  var injectedFault: (any Error)?

  private init(
    database: DatabaseQueue, lock: FolderLock, report: @escaping @EventLoop (any Error) -> Void
  ) {
    self.database = database
    self.lock = lock
    self.report = report
  }

  /// Opens or creates `journal.sqlite` in the folder, for this process alone, and reads it.
  ///
  /// Throws ``FolderLock/Taken`` while another process has it, and SQLite's errors.
  static func open(
    in folder: String, report: @escaping @EventLoop (any Error) -> Void
  ) async throws -> (Journal, Contents) {
    let (database, lock, contents) = try await prepare(folder)
    return (Journal(database: database, lock: lock, report: report), contents)
  }

  @concurrent
  private static func prepare(
    _ folder: String
  ) async throws -> (DatabaseQueue, FolderLock, Contents) {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    let lock = try FolderLock(folder: folder)
    var configuration = Configuration()
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL")
      try database.execute(sql: "PRAGMA synchronous = FULL")
    }
    let database = try DatabaseQueue(
      path: "\(folder)/journal.sqlite", configuration: configuration)
    try JournalSchema.migrate(database)
    let contents = try await database.read { try JournalSchema.read($0) }
    return (database, lock, contents)
  }

  /// Adds changes to the next transaction; `afterwards` runs on the loop when it is committed, in
  /// the order of the calls, before ``committed()`` of this call returns.
  func write(_ changes: [Change], afterwards: (@EventLoop () -> Void)? = nil) {
    if changes.isEmpty, next.isEmpty, !isWriting, !isFailing {
      afterwards?()
      return
    }
    next.changes += changes
    if let afterwards { next.afterwards.append(afterwards) }
    if !isFailing { writeNext() }
  }

  /// Returns when everything written so far is safe; false if it could not be written. It then
  /// stays in line and is tried again, so that it may yet happen.
  func committed() async -> Bool {
    if isFailing { return false }
    if next.isEmpty, !isWriting { return true }
    return await withCheckedContinuation { next.waiting.append($0) }
  }

  private func writeNext() {
    guard !isWriting, !next.isEmpty else { return }
    isWriting = true
    let batch = next
    next = Batch()
    let fault = injectedFault
    Task { @EventLoop in
      do {
        if let fault { throw fault }
        if !batch.changes.isEmpty { try await Self.commit(batch.changes, to: database) }
        isWriting = false
        isFailing = false
        for action in batch.afterwards { action() }
        for continuation in batch.waiting { continuation.resume(returning: true) }
        writeNext()
        if !isWriting {
          for continuation in whenIdle { continuation.resume() }
          whenIdle = []
        }
      } catch {
        failed(batch, error)
      }
    }
  }

  private func failed(_ batch: Batch, _ error: any Error) {
    report(error)
    isWriting = false
    isFailing = true
    for continuation in batch.waiting + next.waiting { continuation.resume(returning: false) }
    next.changes = batch.changes + next.changes
    next.afterwards = batch.afterwards + next.afterwards
    next.waiting = []
    for continuation in whenIdle { continuation.resume() }
    whenIdle = []
    retry = LoopTimer(after: .seconds(1)) { [weak self] in self?.writeNext() }
  }

  @concurrent
  private static func commit(_ changes: [Change], to database: DatabaseQueue) async throws {
    try await database.write { database in
      for change in changes { try JournalSchema.write(change, to: database) }
    }
  }

  /// Writes what is in line and closes the file. The journal is not used after.
  func close() async {
    retry = nil
    if !next.isEmpty || isWriting {
      if !isWriting { writeNext() }
      await withCheckedContinuation { whenIdle.append($0) }
    }
    do { try database.close() } catch { report(error) }
    lock.release()
  }
}

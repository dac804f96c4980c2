package import EventLoop
import Foundation
package import Logging

/// Backs a broker up again and again, and keeps the newest files.
///
/// One backup or restore at a time: who asks while one is being written waits for it and then gets one of its own
/// moment. Files are named by their time, `fanfare-20261121T143000.000Z.backup.gz`. Those of a broker of which a
/// part was away (``BrokerArchive/isWhole``) are named `….local.backup.gz`, and counted apart, so that a long
/// absence pushes no whole one out. Other files in the folder are left alone.
@EventLoop
package final class BackupKeeper {
  private let broker: any BrokerArchive
  private let payloads: PayloadStore
  private let folder: String
  private let kept: Int
  private let logger: Logger
  private var timer: LoopTimer?
  /// Ends when the backup or restore that is under way does.
  private var underWay: Task<Void, Never>?
  /// The last backup that was written by this process.
  package private(set) var last: BackupFile.Summary?

  /// Keeps the `kept` newest backups in `folder`, which is made if need be; nil for `interval` backs up only
  /// when asked.
  package init(
    of broker: any BrokerArchive, _ payloads: PayloadStore, in folder: String, every interval: Duration?,
    keeping kept: Int, logger: Logger
  ) {
    precondition(kept > 0, "a keeper that keeps nothing")
    self.broker = broker
    self.payloads = payloads
    self.folder = folder
    self.kept = kept
    self.logger = logger
    guard let interval else { return }
    timer = LoopTimer(every: interval) { [weak self] in
      Task { [weak self] in await self?.backUpOnTime() }
    }
  }

  /// Backs up no more by itself.
  package func stop() { timer = nil }

  private func backUpOnTime() async {
    guard timer != nil, underWay == nil else { return }
    do { _ = try await backUp() } catch {
      logger.error("the broker could not be backed up", metadata: ["error": "\(error)"])
    }
  }

  /// Backs up now; throws a ``BackupError``, or the broker's.
  @discardableResult
  package func backUp() async throws -> BackupFile.Summary {
    let summary = try await alone { [broker, payloads, folder, kept] in
      try await Self.write(broker, payloads, in: folder, keeping: kept)
    }
    last = summary
    logger.info(
      "backed up",
      metadata: ["path": "\(summary.path)", "jobs": "\(summary.jobs)", "bytes": "\(summary.bytes)"])
    if summary.missingPayloads > 0 {
      logger.warning(
        "payloads could not be read from the store; the backup has their references only",
        metadata: ["path": "\(summary.path)", "count": "\(summary.missingPayloads)"])
    }
    return summary
  }

  /// Takes a backup of the folder in, by id, into the broker as it lives, and sets it aside; nil where none has
  /// this name.
  package func restore(_ name: String) async throws -> (BackupFile.Summary, RestoreReport)? {
    try await alone { [broker, payloads, folder] in
      guard try await Self.kept(in: folder).contains(where: { $0.name == name }) else { return nil }
      return try await BackupFile.restore("\(folder)/\(name)", into: broker, payloads)
    }
  }

  /// Takes the newest whole backup that holds anything in, if the broker holds nothing; nil where it does, or there
  /// is none. One that cannot be read is passed over for the one before it.
  package func restoreNewest() async throws -> (BackupFile.Summary, RestoreReport)? {
    try await alone { [broker, payloads, folder, logger] in
      guard try await Self.isEmpty(broker) else { return nil }
      for backup in try await Self.kept(in: folder) where !backup.isLocal {
        let path = "\(folder)/\(backup.name)"
        do {
          guard try await BackupFile.verify(path).entries > 0 else { continue }
        } catch {
          logger.error("a backup is passed over", metadata: ["error": "\(error)"])
          continue
        }
        return try await BackupFile.restore(path, into: broker, payloads)
      }
      return nil
    }
  }

  private static func isEmpty(_ broker: any BrokerArchive) async throws -> Bool {
    var cursor: String?
    repeat {
      let page = try await broker.archive(after: cursor, limit: 1)
      guard page.entries.isEmpty else { return false }
      cursor = page.next
    } while cursor != nil
    return true
  }

  /// Does something while nothing else is done to the folder by this keeper.
  private func alone<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    while let underWay { await underWay.value }
    let task = Task { try await work() }
    underWay = Task { _ = await task.result }
    defer { underWay = nil }
    return try await task.value
  }

  /// A backup that is kept.
  package struct Kept: Hashable, Sendable {
    /// Of the file.
    package var name: String
    /// Of the compressed file.
    package var bytes: Int
    /// When it was begun.
    package var createdAt: Timestamp
    /// It holds only what this machine kept while the shared broker was away.
    package var isLocal: Bool { name.hasSuffix(BackupKeeper.localSuffix) }
  }

  fileprivate nonisolated static let suffix = ".backup.gz"
  fileprivate nonisolated static let localSuffix = ".local.backup.gz"

  /// The backups that are kept, the newest first.
  package func kept() async throws -> [Kept] { try await Self.kept(in: folder) }

  @concurrent private static func kept(in folder: String) async throws -> [Kept] {
    guard FileManager.default.fileExists(atPath: folder) else { return [] }
    return try backups(in: folder).reversed().compactMap { name in
      var status = stat()
      // One that went meanwhile is none.
      guard stat("\(folder)/\(name)", &status) == 0, let time = time(of: name) else { return nil }
      return Kept(name: name, bytes: Int(status.st_size), createdAt: time)
    }
  }

  @concurrent private static func write(
    _ broker: any BrokerArchive, _ payloads: PayloadStore, in folder: String, keeping kept: Int
  ) async throws -> BackupFile.Summary {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    // Several of one millisecond, or of a clock that was set back, sort in their order all the same.
    var time = Timestamp.now
    if let newest = try backups(in: folder).compactMap(Self.time).max(), newest >= time {
      time = newest + .milliseconds(1)
    }
    let isWhole = await broker.isWhole
    var summary = try await BackupFile.write(
      broker, payloads, to: "\(folder)/\(name(at: time, isWhole ? suffix : localSuffix))")
    if isWhole, await !broker.isWhole {
      // It went away meanwhile, and nobody knows what was left out.
      let path = "\(folder)/\(name(at: time, localSuffix))"
      try FileManager.default.moveItem(atPath: summary.path, toPath: path)
      summary.path = path
    }
    let isLocal = summary.path.hasSuffix(localSuffix)
    let alike = try backups(in: folder).filter { $0.hasSuffix(localSuffix) == isLocal }
    for old in alike.dropLast(kept) { try FileManager.default.removeItem(atPath: "\(folder)/\(old)") }
    return summary
  }

  /// The backups in a folder, oldest first.
  private nonisolated static func backups(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasPrefix("fanfare-") && $0.hasSuffix(suffix) }.sorted()
  }

  /// The whole backups in a folder, oldest first.
  package nonisolated static func wholeBackups(in folder: String) throws -> [String] {
    try backups(in: folder).filter { !$0.hasSuffix(localSuffix) }
  }

  /// The time that ``name(at:)`` gave a file.
  private nonisolated static func time(of name: String) -> Timestamp? {
    let digits = name.dropFirst("fanfare-".count).prefix { $0 != "Z" }.compactMap(\.wholeNumberValue)
    guard digits.count == 17 else { return nil }
    func number(_ range: Range<Int>) -> Int32 { digits[range].reduce(0) { $0 * 10 + Int32($1) } }
    var parts = tm()
    parts.tm_year = number(0..<4) - 1900
    parts.tm_mon = number(4..<6) - 1
    parts.tm_mday = number(6..<8)
    parts.tm_hour = number(8..<10)
    parts.tm_min = number(10..<12)
    parts.tm_sec = number(12..<14)
    return Timestamp(milliseconds: Int64(timegm(&parts)) * 1000 + Int64(number(14..<17)))
  }

  private nonisolated static func name(at time: Timestamp, _ suffix: String) -> String {
    var seconds = time_t(time.milliseconds / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    strftime(&text, text.count, "%Y%m%dT%H%M%S", &parts)
    let stamp = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let digits = "\(1000 + time.milliseconds % 1000)".dropFirst()
    return "fanfare-\(stamp).\(digits)Z\(suffix)"
  }
}

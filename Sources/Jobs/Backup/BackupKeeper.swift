package import EventLoop
import Foundation
package import Logging

/// Backs a broker up again and again, and keeps the newest files.
///
/// One backup at a time: who asks while one is being written waits for it and then gets one of its own
/// moment. Files are named by their time, `fanfare-20261121T143000.000Z.backup.gz`; other files in the folder
/// are left alone.
@EventLoop
package final class BackupKeeper {
  private let broker: any BrokerArchive
  private let payloads: PayloadStore
  private let folder: String
  private let kept: Int
  private let logger: Logger
  private var timer: LoopTimer?
  private var underWay: Task<BackupFile.Summary, any Error>?
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
    while let underWay { _ = await underWay.result }
    let task = Task { [broker, payloads, folder, kept] in
      try await Self.write(broker, payloads, in: folder, keeping: kept)
    }
    underWay = task
    defer { underWay = nil }
    let summary = try await task.value
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

  /// A backup that is kept.
  package struct Kept: Hashable, Sendable {
    /// Of the file.
    package var name: String
    /// Of the compressed file.
    package var bytes: Int
    /// When it was begun.
    package var createdAt: Timestamp
  }

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
    if let newest = try backups(in: folder).last {
      while name(at: time) <= newest { time = time + .milliseconds(1) }
    }
    let path = "\(folder)/\(name(at: time))"
    let summary = try await BackupFile.write(broker, payloads, to: path)
    for old in try backups(in: folder).dropLast(kept) {
      try FileManager.default.removeItem(atPath: "\(folder)/\(old)")
    }
    return summary
  }

  /// The backups in a folder, oldest first.
  package nonisolated static func backups(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasPrefix("fanfare-") && $0.hasSuffix(".backup.gz") }.sorted()
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

  private nonisolated static func name(at time: Timestamp) -> String {
    var seconds = time_t(time.milliseconds / 1000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    strftime(&text, text.count, "%Y%m%dT%H%M%S", &parts)
    let stamp = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let digits = "\(1000 + time.milliseconds % 1000)".dropFirst()
    return "fanfare-\(stamp).\(digits)Z.backup.gz"
  }
}

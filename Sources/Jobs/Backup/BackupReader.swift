import CZlib
import Foundation

/// Reads one backup, line by line.
final class BackupReader {
  private let path: String
  private let file: gzFile
  private let digest = RunningDigest()
  private var createdAt = Timestamp(milliseconds: 0)
  private var number = 0
  private var entries = 0
  private var jobs = 0
  private var missingPayloads = 0
  private var rest: [UInt8] = []
  private var isAtEnd = false

  /// A line longer than this was not written by us: a payload, a result and a log at their limits, escaped.
  private static let longestLine = 8 << 20

  /// Opens a backup and reads its first line.
  init(_ path: String) throws(BackupError) {
    guard let file = gzopen(path, "rb") else {
      throw BackupError(path: path, "cannot be read: \(String(cString: strerror(errno)))")
    }
    self.path = path
    self.file = file
    try readHeader()
  }

  deinit { gzclose(file) }

  /// Reads to the end, each entry passing `visit`, and checks that the file is whole.
  func readAll(
    _ visit: (ArchiveEntry) throws(BackupError) -> Void
  ) throws(BackupError) -> BackupFile.Summary {
    while let entry = try next() { try visit(entry) }
    var status = stat()
    stat(path, &status)
    return BackupFile.Summary(
      path: path, createdAt: createdAt, entries: entries, jobs: jobs,
      missingPayloads: missingPayloads, bytes: Int(status.st_size),
      digest: digest.hexadecimal())
  }

  private func readHeader() throws(BackupError) {
    guard let line = try line(), let document = try? JSONDocument(bytes: line),
      let version = document.root["fanfare_backup"]?.int
    else { throw BackupError(path: path, "is no backup of Fanfare's") }
    guard version <= BackupFile.version else {
      throw BackupError(path: path, "was written by a newer Fanfare (form \(version))")
    }
    digest.update(line + [0x0A])
    createdAt = Timestamp(milliseconds: Int64(document.root["created_at"]?.int ?? 0))
  }

  /// The next entry; nil after the last, whose count and sum were then found right.
  func next() throws(BackupError) -> ArchiveEntry? {
    guard let line = try line() else {
      throw BackupError(path: path, "ends in the middle: its last line is missing")
    }
    let value: JSONValue
    do throws(JSONError) { value = try JSONDocument(bytes: line).root } catch {
      throw fault("is not JSON: \(error)")
    }
    if let sum = value["sha256"]?.string {
      try checkEnd(value, sum)
      return nil
    }
    digest.update(line + [0x0A])
    entries += 1
    do throws(ArchiveFault) {
      let entry = try ArchiveEntry(reading: value)
      if case .job = entry { jobs += 1 }
      if case .stored? = entry.payload { missingPayloads += 1 }
      return entry
    } catch { throw fault("\(error)") }
  }

  private func checkEnd(_ trailer: JSONValue, _ sum: String) throws(BackupError) {
    guard sum == digest.hexadecimal() else {
      throw BackupError(path: path, "was changed: its checksum is another")
    }
    guard trailer["entries"]?.int == entries else {
      throw BackupError(path: path, "lacks entries: it has \(entries)")
    }
    guard try line() == nil else { throw fault("stands after the end") }
  }

  private func fault(_ reason: String) -> BackupError {
    BackupError(path: path, "has a fault in line \(number): \(reason)")
  }

  /// The next line without its end; nil at the end of the file.
  private func line() throws(BackupError) -> [UInt8]? {
    while true {
      if let end = rest.firstIndex(of: 0x0A) {
        let line = Array(rest[..<end])
        rest.removeFirst(end + 1)
        number += 1
        return line
      }
      guard !isAtEnd else {
        guard rest.isEmpty else { throw BackupError(path: path, "ends in the middle of a line") }
        return nil
      }
      guard rest.count <= Self.longestLine else { throw fault("is too long") }
      var piece = [UInt8](repeating: 0, count: 64 << 10)
      let count = gzread(file, &piece, UInt32(piece.count))
      guard count >= 0 else {
        throw BackupError(path: path, "is damaged: it cannot be unpacked after line \(number)")
      }
      if count == 0 {
        isAtEnd = true
        var code: Int32 = 0
        gzerror(file, &code)
        // A compressed file that was cut ends like a whole one, but for this.
        if code == Z_BUF_ERROR {
          throw BackupError(path: path, "ends in the middle: it was cut after line \(number)")
        }
      } else {
        rest += piece[..<Int(count)]
      }
    }
  }
}

import CZlib
import Foundation

/// Writes one backup; not more than a line of it is held in memory.
final class BackupWriter {
  private let path: String
  private let partial: String
  private let createdAt: Timestamp
  private var file: gzFile?
  private let descriptor: Int32
  private let digest = RunningDigest()
  private var entries = 0
  private var jobs = 0
  private var missingPayloads = 0

  init(to path: String, at now: Timestamp) throws(BackupError) {
    self.path = path
    createdAt = now
    partial = "\(path).\(getpid()).part"
    descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw BackupError(path: path, "cannot be written: \(String(cString: strerror(errno)))")
    }
    // zlib closes its descriptor; ours stays for the sync.
    let copy = dup(descriptor)
    guard copy >= 0, let file = gzdopen(copy, "wb6") else {
      throw BackupError(path: path, "cannot be written: no room for a compressor")
    }
    self.file = file
    var header = JSONWriter()
    header.object {
      $0.member("fanfare_backup", BackupFile.version)
      $0.member("created_at", now.milliseconds)
    }
    try write(header.bytes)
  }

  deinit { if file == nil { close(descriptor) } }

  func append(_ entry: ArchiveEntry) throws(BackupError) {
    entries += 1
    if case .job = entry { jobs += 1 }
    if case .stored? = entry.payload { missingPayloads += 1 }
    try write(entry.json.bytes)
  }

  /// Writes the end, syncs and gives the file its name.
  func finish() throws(BackupError) -> BackupFile.Summary {
    var trailer = JSONWriter()
    let sum = digest.hexadecimal()
    trailer.object {
      $0.member("entries", entries)
      $0.member("jobs", jobs)
      $0.member("sha256", sum)
    }
    try write(trailer.bytes)
    let closed = gzclose(file)
    file = nil
    guard closed == Z_OK else { throw fault() }
    guard fsync(descriptor) == 0 else { throw fault() }
    let size = lseek(descriptor, 0, SEEK_END)
    guard rename(partial, path) == 0 else { throw fault() }
    syncFolder()
    return BackupFile.Summary(
      path: path, createdAt: createdAt, entries: entries, jobs: jobs,
      missingPayloads: missingPayloads, bytes: Int(size),
      digest: sum)
  }

  /// Leaves nothing behind.
  func abandon() {
    if let file { gzclose(file) }
    file = nil
    unlink(partial)
  }

  private func write(_ line: [UInt8]) throws(BackupError) {
    let bytes = line + [0x0A]
    digest.update(bytes)
    guard gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count) else { throw fault() }
  }

  private func fault() -> BackupError {
    BackupError(path: path, "cannot be written: \(String(cString: strerror(errno)))")
  }

  // A rename is kept only once its folder is.
  private func syncFolder() {
    let folder = (path as NSString).deletingLastPathComponent
    let handle = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard handle >= 0 else { return }
    fsync(handle)
    close(handle)
  }
}

import Foundation

/// The system calls of the store, each with its fault as an ``ArtifactError``. All of them may
/// block: they are called off the loop only.
enum FileOperations {
  static func fault(_ what: String) -> ArtifactError {
    errno == ENOSPC || errno == EDQUOT
      ? .noSpace : .failed("\(what): \(String(cString: strerror(errno)))")
  }

  /// Makes a folder for our eyes only, and those above it; one that is there already is left.
  static func makeFolder(_ path: String) throws(ArtifactError) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw fault("a folder cannot be made")
    }
    try makeFolder(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw fault("a folder cannot be made") }
  }

  /// Makes a folder whose parent is there; false where it is there already.
  static func makeNewFolder(_ path: String) throws(ArtifactError) -> Bool {
    if mkdir(path, 0o700) == 0 { return true }
    guard errno == EEXIST else { throw fault("a folder cannot be made") }
    return false
  }

  /// Makes a folder as ``makeFolder(_:)`` does, and makes its name safe on disk.
  static func makeLastingFolder(_ path: String) throws(ArtifactError) {
    if modification(of: path) != nil { return }
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw .failed("a folder has no place")
    }
    let parent = String(path[..<slash])
    try makeLastingFolder(parent)
    try makeFolder(path)
    try syncFolder(parent)
  }

  /// Forces a folder's names to the disk.
  static func syncFolder(_ path: String) throws(ArtifactError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw fault("a folder cannot be made safe") }
    try syncAndClose(descriptor)
  }

  /// Sets when a file was last changed; one that is gone is left gone.
  static func touch(_ path: String, at time: Timestamp) throws(ArtifactError) {
    let moment = timespec(
      tv_sec: Int(time.milliseconds / 1000), tv_nsec: Int(time.milliseconds % 1000) * 1_000_000)
    guard utimensat(AT_FDCWD, path, [moment, moment], AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT else {
      throw fault("a file's time cannot be set")
    }
  }

  /// A new file to write, ours alone; throws if anything of that name exists, a link included.
  static func create(_ path: String) throws(ArtifactError) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw fault("a file cannot be made") }
    return descriptor
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32) throws(ArtifactError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Foundation.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
      }
      if count > 0 {
        done += count
      } else if count < 0, errno != EINTR {
        throw fault("a file cannot be written")
      }
    }
  }

  /// Forces what was written to the disk and lets the file go.
  static func syncAndClose(_ descriptor: Int32) throws(ArtifactError) {
    let synced = fsync(descriptor) == 0
    let reason = errno
    guard close(descriptor) == 0, synced else {
      if !synced { errno = reason }
      throw fault("a file cannot be made safe")
    }
  }

  /// Writes a small file whole: under a temporary name first, so that no reader sees half of it.
  static func replace(_ path: String, with bytes: [UInt8]) throws(ArtifactError) {
    let temporary = "\(path).\(UInt32.random(in: 0 ... .max)).partial"
    let descriptor = try create(temporary)
    do {
      try write(bytes, to: descriptor)
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    try syncAndClose(descriptor)
    try move(temporary, to: path)
  }

  static func move(_ path: String, to target: String) throws(ArtifactError) {
    guard rename(path, target) == 0 else { throw fault("a file cannot be moved") }
  }

  /// A small file's bytes; nil where there is none.
  static func read(_ path: String, limit: Int = 64 << 10) throws(ArtifactError) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw fault("a file cannot be read")
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit)
    var done = 0
    while done < limit {
      let count = bytes.withUnsafeMutableBytes { buffer in
        Foundation.read(descriptor, buffer.baseAddress! + done, buffer.count - done)
      }
      if count == 0 { break }
      if count < 0, errno != EINTR { throw fault("a file cannot be read") }
      if count > 0 { done += count }
    }
    return Array(bytes[..<done])
  }

  /// Size and time of a plain file; nil where there is none, or something else (a link, a folder).
  static func plainFile(_ path: String) -> (size: Int, modifiedAt: Timestamp)? {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return (Int(status.st_size), time(of: status))
  }

  /// When an entry was last changed, whatever it is; nil where there is none.
  static func modification(of path: String) -> Timestamp? {
    var status = stat()
    return lstat(path, &status) == 0 ? time(of: status) : nil
  }

  private static func time(of status: stat) -> Timestamp {
    Timestamp(
      milliseconds: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
  }

  /// The names in a folder, in no order; none where there is no folder.
  static func names(in folder: String) throws(ArtifactError) -> [String] {
    guard let stream = opendir(folder) else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw fault("a folder cannot be read")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a file or a folder with all it holds; links are removed, never followed.
  static func remove(_ path: String) throws(ArtifactError) {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw fault("a file cannot be removed") }
    for name in try names(in: path) { try remove("\(path)/\(name)") }
    guard rmdir(path) == 0 || errno == ENOENT else { throw fault("a folder cannot be removed") }
  }

  /// Copies a plain file into a new one, for folders on different disks.
  static func copy(_ path: String, to target: String) throws(ArtifactError) {
    let source = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard source >= 0 else { throw fault("a file cannot be read") }
    defer { close(source) }
    let sink = try create(target)
    do {
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      while true {
        let count = buffer.withUnsafeMutableBytes {
          Foundation.read(source, $0.baseAddress!, $0.count)
        }
        if count == 0 { break }
        if count < 0 {
          if errno == EINTR { continue }
          throw fault("a file cannot be read")
        }
        try write(Array(buffer[..<count]), to: sink)
      }
    } catch {
      close(sink)
      unlink(target)
      throw error as? ArtifactError ?? .failed("\(error)")
    }
    try syncAndClose(sink)
  }
}

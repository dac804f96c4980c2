import CUV
import EventLoop

/// Reads a file piece by piece on libuv's threads: a slow disk holds up a download, never the loop.
@EventLoop
final class FileReader {
  /// What libuv says of a file.
  struct Failure: Error, CustomStringConvertible {
    let code: Int32
    var isMissing: Bool { code == UV_ENOENT.rawValue || code == UV_ENOTDIR.rawValue }
    var description: String { String(cString: uv_strerror(code)) }
  }

  private var descriptor: uv_file

  /// Opens a regular file for reading. A symbolic link at the end of the path is not followed.
  init(_ path: String) async throws(Failure) {
    descriptor = -1
    let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    let result = await Self.perform { uv_fs_open($0, $1, path, flags, 0, fileRequestDone) }
    guard result >= 0 else { throw Failure(code: Int32(result)) }
    descriptor = uv_file(result)
  }

  /// Up to `count` bytes from `offset`; empty at the end of the file.
  func read(at offset: Int64, count: Int) async throws(Failure) -> [UInt8] {
    // libuv's thread writes into it while we are suspended: it must not move.
    nonisolated(unsafe) let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    let descriptor = descriptor
    let result = await Self.perform { loop, request in
      var piece = uv_buf_init(
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(buffer.count))
      return uv_fs_read(loop, request, descriptor, &piece, 1, offset, fileRequestDone)
    }
    guard result >= 0 else { throw Failure(code: Int32(result)) }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<result])
    return Array(bytes.assumingMemoryBound(to: UInt8.self))
  }

  /// Closes the file, on libuv's threads too.
  func close() {
    guard descriptor >= 0 else { return }
    let descriptor = descriptor
    self.descriptor = -1
    Task { await Self.perform { uv_fs_close($0, $1, descriptor, fileRequestDone) } }
  }

  /// One request to libuv; returns its result, negative for an error.
  @discardableResult
  private static func perform(
    _ start: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<uv_fs_t>) -> CInt
  ) async -> Int {
    await withCheckedContinuation { continuation in
      let request = UnsafeMutablePointer<uv_fs_t>.allocate(capacity: 1)
      request.initialize(to: uv_fs_t())
      request.pointee.data = Unmanaged.passRetained(Waiter(continuation)).toOpaque()
      let loop = EventLoop.executor.loop.raw.assumingMemoryBound(to: uv_loop_t.self)
      let code = start(loop, request)
      if code < 0 { finished(request, result: Int(code)) }
    }
  }

  fileprivate static func finished(_ request: UnsafeMutablePointer<uv_fs_t>, result: Int) {
    let waiter = Unmanaged<Waiter>.fromOpaque(request.pointee.data).takeRetainedValue()
    uv_fs_req_cleanup(request)
    request.deallocate()
    waiter.continuation.resume(returning: result)
  }

  fileprivate final class Waiter {
    let continuation: CheckedContinuation<Int, Never>
    init(_ continuation: CheckedContinuation<Int, Never>) { self.continuation = continuation }
  }
}

@c private func fileRequestDone(_ request: UnsafeMutablePointer<uv_fs_t>?) {
  nonisolated(unsafe) let request = request
  EventLoop.assumeIsolated {
    guard let request else { return }
    FileReader.finished(request, result: request.pointee.result)
  }
}

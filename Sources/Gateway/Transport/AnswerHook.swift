import EventLoop
import Foundation

/// Where libwebsockets' answers to handshakes are taken on their way to the socket
/// (docs/decisions/0011), to be sent together when the turn ends.
@EventLoop
enum AnswerHook {
  /// Nil where nothing is taken.
  private static var taken: [UInt8]?

  /// Runs `body`, in which the library writes for one connection; returns what it wrote, of which nothing was sent.
  static func taking(_ body: () -> Void) -> [UInt8] {
    taken = []
    defer { taken = nil }
    body()
    return taken ?? []
  }

  fileprivate static func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    taken?.append(contentsOf: bytes) != nil
  }
}

/// Takes the place of the C library's `send` in this process, as ``interposedReceive(_:_:_:_:)`` does of its
/// `recv`. But for answers to handshakes it does what that does, by the same system call.
///
/// Public, because anything less is not seen by shared libraries.
@c(send) public func interposedSend(
  _ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ size: Int, _ flags: Int32
) -> Int {
  if EventLoop.executor.isOnLoop {
    // Only looked at within this call.
    nonisolated(unsafe) let bytes = UnsafeRawBufferPointer(start: buffer, count: size)
    if EventLoop.assumeIsolated({ AnswerHook.take(bytes) }) { return size }
  }
  return sendto(descriptor, buffer, size, flags, nil, 0)
}

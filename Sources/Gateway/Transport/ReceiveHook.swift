import EventLoop
import Foundation

/// Where bytes of WebSockets pass by on their way from the socket to libwebsockets
/// (docs/decisions/0011): the connections that it reads for, by descriptor.
@EventLoop
enum ReceiveHook {
  private static var connections: [Connection?] = []

  /// The library reads for the connection from now on.
  static func begin(_ connection: Connection, on descriptor: Int32) {
    let place = Int(descriptor)
    if place >= connections.count {
      connections += Array(repeating: nil, count: max(place + 1 - connections.count, connections.count))
    }
    connections[place] = connection
  }

  /// It reads no more; to be called before the descriptor is closed.
  static func end(_ connection: Connection, on descriptor: Int32) {
    let place = Int(descriptor)
    if place < connections.count, connections[place] === connection { connections[place] = nil }
  }

  fileprivate static func pass(_ bytes: UnsafeMutableRawBufferPointer, on descriptor: Int32) -> Int {
    let place = Int(descriptor)
    guard place < connections.count, let connection = connections[place] else { return bytes.count }
    return connection.pass(bytes)
  }
}

/// Takes the place of the C library's `recv` in this process: a program's own function goes before those of
/// shared libraries. For all but WebSockets it does what that does, by the same system call.
///
/// Public, because anything less is not seen by shared libraries.
@c(recv) public func interposedReceive(
  _ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ size: Int, _ flags: Int32
) -> Int {
  let count = recvfrom(descriptor, buffer, size, flags, nil, nil)
  guard count > 0, flags == 0, EventLoop.executor.isOnLoop else { return count }
  // Only looked at within this call.
  nonisolated(unsafe) let bytes = UnsafeMutableRawBufferPointer(start: buffer, count: count)
  let kept = EventLoop.assumeIsolated { ReceiveHook.pass(bytes, on: descriptor) }
  guard kept == 0 else { return kept }
  // Nothing for the caller this time; 0 would be the end of the stream.
  errno = EAGAIN
  return -1
}

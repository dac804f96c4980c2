import Foundation
import Synchronization

/// A TCP server of one test on a free port of the loopback, which does with each connection what it is told.
package final class SocketServer: Sendable {
  package let port: Int
  private let listener: Int32
  private let count = Mutex(0)

  /// How many connections came.
  package var connectionCount: Int { count.withLock { $0 } }

  /// `serve` is called for each connection on a thread of its own; the connection is closed when it returns.
  package init(_ serve: @escaping @Sendable (ServedSocket) -> Void) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    precondition(bound, "a test's server cannot listen")
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [self] in
      while true {
        let client = accept(listener, nil, nil)
        if client < 0 { return }
        count.withLock { $0 += 1 }
        Thread.detachNewThread {
          let socket = ServedSocket(client)
          serve(socket)
          socket.close()
        }
      }
    }
  }

  /// Accepts no more.
  package func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    Foundation.close(listener)
  }
}

/// One connection to a ``SocketServer``. All calls hold up the caller's thread, which is the connection's own.
package final class ServedSocket {
  private var descriptor: Int32

  fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// The head of the next request, with its end; empty where the client has gone.
  package func readHead() -> String {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    while head.suffix(4) != [13, 10, 13, 10] {
      guard recv(descriptor, &byte, 1, 0) == 1 else { return "" }
      head.append(byte)
    }
    return String(decoding: head, as: UTF8.self)
  }

  /// So many bytes, or fewer where the client ends.
  package func read(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + done, count - done, 0) }
      if got <= 0 { break }
      done += got
    }
    return Array(bytes[..<done])
  }

  /// Whether all of it was taken.
  @discardableResult
  package func write(_ text: String) -> Bool { write(Array(text.utf8)) }

  @discardableResult
  package func write(_ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return false }
      done += count
    }
    return true
  }

  /// Whether all of it was taken, each piece within so many seconds.
  package func write(_ bytes: [UInt8], within seconds: Int) -> Bool {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return write(bytes)
  }

  /// Returns when the client has gone.
  package func waitForEnd() { while !read(65_536).isEmpty {} }

  /// Breaks the connection off as a machine does that fails.
  package func reset() {
    var lingering = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  fileprivate func close() {
    guard descriptor >= 0 else { return }
    Foundation.close(descriptor)
    descriptor = -1
  }
}

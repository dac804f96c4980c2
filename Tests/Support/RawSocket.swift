package import EventLoop
import Foundation

/// A TCP client that sends exactly the bytes it is told: for tests of what stands at the other end.
///
/// It lives on the loop and blocks nobody. Every wait ends: after `patience` it throws `timedOut`, and when
/// its test is cancelled, as by a time limit, `CancellationError`.
@EventLoop
package final class RawSocket {
  package enum Failure: Error, Equatable, Sendable {
    case cannotConnect(errno: Int32)
    case timedOut(waitingFor: String)
    /// The other end reset the connection, or it is closed already.
    case reset
    /// The other end finished before all that was waited for had come; of what had come, the
    /// beginning.
    case ended(after: [UInt8])
  }

  private var descriptor: Int32
  private var watcher: SocketWatcher?
  private let patience: Duration
  private var readiness: SocketWatcher.Readiness = []
  private var waiter: CheckedContinuation<Void, any Error>?
  private var lastWait = 0
  /// Read from the socket, not yet taken.
  private var buffer: [UInt8] = []

  /// Connects to a loopback port.
  ///
  /// `receiveBuffer` bounds what the kernel takes before the reader asks (bytes): a small one makes
  /// a stalled reader felt soon. `source` is the address the peer sees, any of 127.0.0.0/8 to one there.
  package static func connect(
    to port: Int, host: String = "127.0.0.1", from source: String? = nil, receiveBuffer: Int? = nil,
    patience: Duration = .seconds(30)
  ) async throws -> RawSocket {
    let isV6 = host.contains(":")
    let descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(descriptor >= 0, "no descriptor is left for a test's socket")
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    if var receiveBuffer = receiveBuffer.map(Int32.init) {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    if let source {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      inet_pton(AF_INET, source, &address.sin_addr)
      let bound = withUnsafeBytes(of: &address) { bytes in
        bind(
          descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
          socklen_t(bytes.count))
      }
      precondition(bound == 0, "a test's socket cannot have the address \(source)")
    }
    let code: Int32
    if isV6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = in_port_t(port).bigEndian
      inet_pton(AF_INET6, host, &address.sin6_addr)
      code = withUnsafeBytes(of: &address) { bytes in
        Foundation.connect(
          descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
          socklen_t(bytes.count))
      }
    } else {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      inet_pton(AF_INET, host, &address.sin_addr)
      code = withUnsafeBytes(of: &address) { bytes in
        Foundation.connect(
          descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
          socklen_t(bytes.count))
      }
    }
    if code != 0 && errno != EINPROGRESS {
      let number = errno
      Foundation.close(descriptor)
      throw Failure.cannotConnect(errno: number)
    }
    return try await connected(descriptor, patience: patience)
  }

  /// Connects to a Unix socket.
  package static func connect(
    toUnix path: String, patience: Duration = .seconds(30)
  ) async throws -> RawSocket {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    precondition(descriptor >= 0, "no descriptor is left for a test's socket")
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let code = withUnsafeBytes(of: &address) { bytes in
      Foundation.connect(
        descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
        socklen_t(bytes.count))
    }
    if code != 0 {
      let number = errno
      Foundation.close(descriptor)
      throw Failure.cannotConnect(errno: number)
    }
    return try await connected(descriptor, patience: patience)
  }

  private static func connected(
    _ descriptor: Int32, patience: Duration
  ) async throws -> RawSocket {
    let socket = RawSocket(descriptor, patience: patience)
    try await socket.wait(for: .writable, "a connection")
    var number: Int32 = 0
    var size = socklen_t(4)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size)
    guard number == 0 else { throw Failure.cannotConnect(errno: number) }
    return socket
  }

  private init(_ descriptor: Int32, patience: Duration) {
    self.descriptor = descriptor
    self.patience = patience
    watcher = SocketWatcher(descriptor: descriptor) { [weak self] _ in self?.woke() }
  }

  private func woke() {
    watcher?.watch([])
    waiter?.resume()
    waiter = nil
  }

  private func wait(for readiness: SocketWatcher.Readiness, _ what: String) async throws {
    guard let watcher else { throw Failure.reset }
    precondition(waiter == nil, "a raw socket is used by two at a time")
    let timer = LoopTimer(after: patience) { [weak self] in
      self?.endWait(Failure.timedOut(waitingFor: what))
    }
    defer { timer.stop() }
    lastWait += 1
    let number = lastWait
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
        waiter = continuation
        watcher.watch(readiness)
      }
    } onCancel: {
      Task { @EventLoop [weak self] in
        guard let self, lastWait == number else { return }
        endWait(CancellationError())
      }
    }
  }

  private func endWait(_ error: any Error) {
    watcher?.watch([])
    waiter?.resume(throwing: error)
    waiter = nil
  }

  /// Sends all of it; waits while the other end does not read.
  package func send(_ bytes: some Collection<UInt8>) async throws {
    let bytes = Array(bytes)
    var sent = 0
    while sent < bytes.count {
      let count = sendSome(bytes[sent...])
      if count > 0 {
        sent += count
      } else if count < 0 {
        throw Failure.reset
      } else {
        try await wait(for: .writable, "room to send")
      }
    }
  }

  package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

  /// Sends what the kernel takes at once: 0 where it is full, -1 where the connection is gone.
  package func sendSome(_ bytes: ArraySlice<UInt8>) -> Int {
    guard descriptor >= 0 else { return -1 }
    let count = bytes.withUnsafeBytes {
      Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    if count >= 0 { return count }
    return errno == EAGAIN || errno == EINTR ? 0 : -1
  }

  /// Reads what is there, waiting for at least one byte; false at the end of the stream.
  private func fill(_ what: String) async throws -> Bool {
    while true {
      guard descriptor >= 0 else { throw Failure.reset }
      var piece = [UInt8](repeating: 0, count: 65_536)
      let count = piece.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count > 0 {
        buffer += piece[..<count]
        return true
      }
      if count == 0 { return false }
      guard errno == EAGAIN || errno == EINTR else { throw Failure.reset }
      try await wait(for: .readable, what)
    }
  }

  /// What has come, at least one byte; empty at the end of the stream.
  package func receive() async throws -> [UInt8] {
    if buffer.isEmpty { _ = try await fill("any bytes") }
    defer { buffer = [] }
    return buffer
  }

  /// Exactly so many bytes; throws `ended` where fewer come.
  package func receive(exactly count: Int) async throws -> [UInt8] {
    while buffer.count < count {
      guard try await fill("\(count) bytes") else { throw Failure.ended(after: Array(buffer.prefix(256))) }
    }
    defer { buffer.removeFirst(count) }
    return Array(buffer[..<count])
  }

  /// All bytes up to and with `mark`.
  package func receive(until mark: String) async throws -> [UInt8] {
    let mark = Array(mark.utf8)
    var searched = 0
    while true {
      if buffer.count >= mark.count {
        for start in searched...(buffer.count - mark.count)
        where buffer[start..<(start + mark.count)].elementsEqual(mark) {
          defer { buffer.removeFirst(start + mark.count) }
          return Array(buffer[..<(start + mark.count)])
        }
        searched = buffer.count - mark.count + 1
      }
      guard try await fill("\(mark)") else { throw Failure.ended(after: Array(buffer.prefix(256))) }
    }
  }

  /// Everything until the other end finishes. A reset throws.
  package func receiveToEnd() async throws -> [UInt8] {
    while try await fill("the end of the stream") {}
    defer { buffer = [] }
    return buffer
  }

  /// One answer of an HTTP server: its head, and its body by `content-length` or to the end.
  ///
  /// Interim answers (100) are returned as answers of their own.
  package func receiveAnswer(toHead: Bool = false) async throws -> HTTPAnswer {
    var answer = try HTTPAnswer(head: try await receive(until: "\r\n\r\n"))
    guard !toHead, answer.hasBody else { return answer }
    if let length = answer.headers["content-length"].flatMap(Int.init) {
      answer.body = try await receive(exactly: length)
    } else {
      answer.body = try await receiveToEnd()
    }
    return answer
  }

  /// Says that nothing more will be sent; can still receive.
  package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Whether this end has closed it.
  package var isClosed: Bool { descriptor < 0 }

  package func close() {
    guard descriptor >= 0 else { return }
    watcher?.stop()
    watcher = nil
    Foundation.close(descriptor)
    descriptor = -1
    waiter?.resume(throwing: Failure.reset)
    waiter = nil
  }

  /// Closes with a reset, as a client does that vanishes.
  package func reset() {
    guard descriptor >= 0 else { return }
    var lingering = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  isolated deinit { close() }
}

import Foundation

/// A TCP connection, used by one thread, that waits with a deadline.
///
/// Owns its file descriptor and closes it at the end of its life.
final class SocketStream {
  private let descriptor: CInt
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  /// Connects to the first address of the host that answers, within `timeout` for each.
  init(host: String, port: Int, timeout: Duration = .seconds(10)) throws(ClientError) {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var found: UnsafeMutablePointer<addrinfo>?
    var code = getaddrinfo(host, String(port), &hints, &found)
    if code != 0 {
      // Without a network, AI_ADDRCONFIG hides even the loopback addresses.
      hints.ai_flags = 0
      code = getaddrinfo(host, String(port), &hints, &found)
    }
    guard code == 0, let found else {
      throw .unreachable("there is no host \(host): \(String(cString: gai_strerror(code)))")
    }
    defer { freeaddrinfo(found) }

    var reason = "no address"
    var connected: CInt?
    for address in sequence(first: found, next: \.pointee.ai_next) where connected == nil {
      switch Self.connect(to: address.pointee, timeout: timeout) {
      case .success(let descriptor): connected = descriptor
      case .failure(let errno): reason = String(cString: strerror(errno.code))
      }
    }
    guard let connected else {
      throw .unreachable("no gateway answers at \(host), port \(port): \(reason)")
    }
    descriptor = connected
  }

  deinit { close(descriptor) }

  private struct Errno: Error { var code: CInt }

  private static func connect(to address: addrinfo, timeout: Duration) -> Result<CInt, Errno> {
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(
      address.ai_family, type | CInt(SOCK_NONBLOCK.rawValue), address.ai_protocol)
    guard descriptor >= 0 else { return .failure(Errno(code: errno)) }
    var one: CInt = 1
    setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    if Foundation.connect(descriptor, address.ai_addr, address.ai_addrlen) != 0 {
      var fault = errno
      if fault == EINPROGRESS {
        fault = ETIMEDOUT
        if wait(for: descriptor, POLLOUT, until: .now + timeout) {
          var length = socklen_t(MemoryLayout<CInt>.size)
          getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &length)
        }
      }
      if fault != 0 {
        close(descriptor)
        return .failure(Errno(code: fault))
      }
    }
    return .success(descriptor)
  }

  /// Whether the descriptor became ready by the deadline; false also after a signal.
  private static func wait(
    for descriptor: CInt, _ events: CInt, until deadline: ContinuousClock.Instant
  ) -> Bool {
    let left = ContinuousClock.now.duration(to: deadline) / .milliseconds(1)
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&entry, 1, CInt(max(0, min(left.rounded(.up), 3_600_000)))) > 0
  }

  /// Writes everything; waits where the other side is slow, at most `patience` at a standstill.
  func write(_ bytes: some Collection<UInt8>, patience: Duration = .seconds(30)) throws(ClientError) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if sent > 0 {
        rest = rest.dropFirst(sent)
      } else if errno == EAGAIN || errno == EINTR {
        if Interrupt.isReceived { throw .interrupted }
        guard Self.wait(for: descriptor, POLLOUT, until: .now + patience) || Interrupt.isReceived
        else {
          throw .unreachable("the gateway takes nothing any more")
        }
      } else {
        throw .unreachable("the connection broke off: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// What has come, or comes before the deadline; nil at the deadline, empty at the end of the stream.
  func read(until deadline: ContinuousClock.Instant) throws(ClientError) -> [UInt8]? {
    while true {
      if Interrupt.isReceived { throw .interrupted }
      let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count >= 0 { return Array(buffer[..<count]) }
      guard errno == EAGAIN || errno == EINTR else {
        throw .unreachable("the connection broke off: \(String(cString: strerror(errno)))")
      }
      if !Self.wait(for: descriptor, POLLIN, until: deadline), ContinuousClock.now >= deadline {
        return nil
      }
    }
  }
}

import CWebSockets
import EventLoop
import Foundation

/// A listening socket of our own: it is bound to exactly the address asked for, and shared with the
/// other processes of a node by SO_REUSEPORT. (libwebsockets' own does neither.)
@EventLoop
final class Listener {
  /// Why a socket cannot listen.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The address the kernel says it is bound to.
  let address: SocketAddress
  private let descriptor: Int32
  private var watcher: SocketWatcher?
  private let accepted: @EventLoop (Int32, SocketAddress) -> Void
  /// Given up for a moment when descriptors run out, so that a connection can be accepted and
  /// closed; otherwise it would be reported again at once, for ever.
  private var spare: Int32
  private let unixPath: String?

  /// Listens from now on. `accepted` owns the descriptors it is given; they do not block.
  init(
    on address: SocketAddress, backlog: Int32,
    accepted: @escaping @EventLoop (Int32, SocketAddress) -> Void
  ) throws(Failure) {
    self.accepted = accepted
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, kind, 0)
    self.descriptor = descriptor
    guard descriptor >= 0 else { throw Self.failure("make a socket for", address) }
    var failed: Failure?
    unixPath = if case .unix(let path) = address { path } else { nil }
    var one: Int32 = 1
    if let unixPath {
      // A path left behind by a process that is gone keeps others from listening.
      if !Self.isAnswered(address) { unlink(unixPath) }
    } else {
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, 4)
      // `::` means IPv6, and nothing else by the way.
      if address.family == AF_INET6 {
        setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4)
      }
    }
    // Connections have it from their listener. Fails on Unix sockets, where nothing is delayed anyway.
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    if address.withKernelAddress({ bind(descriptor, $0, $1) }) != 0 {
      failed = Self.failure("bind", address)
    } else if Foundation.listen(descriptor, backlog) != 0 {
      failed = Self.failure("listen on", address)
    }
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &size)
      }
    }
    if failed == nil, code != 0 { failed = Self.failure("ask for the address of", address) }
    self.address = SocketAddress(storage)
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    if let failed {
      Foundation.close(descriptor)
      if spare >= 0 { Foundation.close(spare) }
      throw failed
    }
    watcher = SocketWatcher(descriptor: descriptor) { [weak self] _ in self?.acceptAll() }
    watcher?.watch(.readable)
  }

  private static func failure(_ what: String, _ address: SocketAddress) -> Failure {
    let place =
      if case .unix(let path) = address { path } else { "\(address.host):\(address.port)" }
    return Failure(description: "cannot \(what) \(place): \(String(cString: strerror(errno)))")
  }

  private static func isAnswered(_ address: SocketAddress) -> Bool {
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard probe >= 0 else { return true }
    defer { Foundation.close(probe) }
    return address.withKernelAddress { connect(probe, $0, $1) } == 0
  }

  /// A turn accepts so many at most: the connections that are open have work too.
  private static let batch = 64

  private func acceptAll() {
    for _ in 0..<Self.batch {
      guard watcher != nil else { return }
      var storage = sockaddr_storage()
      var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let accepted = withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          CWebSocketsAccept(descriptor, $0, &size)
        }
      }
      if accepted >= 0 {
        self.accepted(accepted, SocketAddress(storage))
        continue
      }
      switch errno {
      case EINTR, ECONNABORTED: continue
      case EMFILE, ENFILE: guard refuseOne() else { return }
      default: return
      }
    }
  }

  /// Takes one connection in the spare descriptor's place and closes it.
  private func refuseOne() -> Bool {
    guard spare >= 0 else { return false }
    Foundation.close(spare)
    let victim = CWebSocketsAccept(descriptor, nil, nil)
    if victim >= 0 { Foundation.close(victim) }
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    return victim >= 0
  }

  /// Accepts no more; what was accepted stays.
  func close() {
    guard let watcher else { return }
    watcher.stop()
    self.watcher = nil
    Foundation.close(descriptor)
    if spare >= 0 { Foundation.close(spare) }
    if let unixPath { unlink(unixPath) }
  }

  isolated deinit { close() }
}

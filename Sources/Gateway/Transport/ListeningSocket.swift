import CWebSockets
import Foundation

/// A socket that listens: bound to exactly the address asked for, and shared with the other processes of a node by
/// SO_REUSEPORT, each of which has one of its own. (libwebsockets' own does neither.)
///
/// A plain number: who opens it, or is given it, closes it. Not open in children, unless one is started with it on
/// purpose. While any process has it open nobody is refused: connections wait in its queue.
package struct ListeningSocket: Sendable {
  /// Why there is none.
  package struct Failure: Error, CustomStringConvertible, Sendable {
    package let description: String
    /// Whether another port would do: this one is taken, or not for everybody.
    package let isOfPort: Bool
  }

  package let descriptor: Int32
  let address: SocketAddress
  /// The path of a Unix socket that this process made, and removes in the end.
  let ownPath: String?

  /// The port that it is bound to; 0 of a Unix socket.
  package var port: Int { address.port }

  /// Listens on `host` (an IPv4 or IPv6 address in digits, `localhost`, or `unix:` and a path); the system chooses
  /// the port where it is 0. At most `backlog` connections wait to be accepted, or what the system allows.
  package init(on host: String, port: Int, backlog: Int32) throws(Failure) {
    guard let address = SocketAddress(host: host, port: port) else {
      throw Failure(description: "cannot listen on \(host) port \(port): not an address in digits", isOfPort: false)
    }
    try self.init(on: address, backlog: backlog)
  }

  init(on address: SocketAddress, backlog: Int32) throws(Failure) {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, kind, 0)
    guard descriptor >= 0 else { throw Self.failure("make a socket for", address) }
    var failed: Failure?
    ownPath = if case .unix(let path) = address { path } else { nil }
    var one: Int32 = 1
    if let ownPath {
      // A path left behind by a process that is gone keeps others from listening.
      if !Self.isAnswered(address) { unlink(ownPath) }
    } else {
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, 4)
      // `::` means IPv6, and nothing else by the way.
      if address.family == AF_INET6 {
        setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4)
      }
    }
    // Connections have both from the socket that they come by. They fail on Unix sockets, where nothing is delayed
    // anyway.
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var unsent = Self.unsent
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &unsent, 4)
    if address.withKernelAddress({ bind(descriptor, $0, $1) }) != 0 {
      failed = Self.failure("bind", address)
    } else if Foundation.listen(descriptor, backlog) != 0 {
      failed = Self.failure("listen on", address)
    }
    let bound = Self.boundAddress(of: descriptor)
    if failed == nil, bound == nil { failed = Self.failure("ask for the address of", address) }
    if let failed {
      Foundation.close(descriptor)
      throw failed
    }
    self.descriptor = descriptor
    self.address = bound ?? address
  }

  /// One that another process opened and gave to this one; nil where the number is not such a socket's. From now on
  /// children of this process do not inherit it.
  init?(inherited descriptor: Int32) {
    var listens: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0, listens != 0,
      let address = Self.boundAddress(of: descriptor),
      fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
      fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
    else { return nil }
    self.descriptor = descriptor
    self.address = address
    ownPath = nil
  }

  /// Bytes that the kernel keeps of a connection beyond what is on its way to the peer. What it has taken can be
  /// replaced by nothing newer: a slow reader would get its events from a queue of megabytes, minutes old.
  private static let unsent: Int32 = 32 << 10

  /// Whether it was made for this address, however that is written.
  package func isBound(to host: String, port: Int) -> Bool {
    switch SocketAddress(host: host, port: port) {
    case .unix(let path): path == ownPath
    case let wanted?: ownPath == nil && wanted == address
    case nil: false
    }
  }

  /// Refuses who comes from now on, unless another process has it open too.
  package func close() {
    Foundation.close(descriptor)
    if let ownPath { unlink(ownPath) }
  }

  private static func boundAddress(of descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    return code == 0 ? SocketAddress(storage) : nil
  }

  private static func failure(_ what: String, _ address: SocketAddress) -> Failure {
    let code = errno
    let place =
      if case .unix(let path) = address { path } else { "\(address.host):\(address.port)" }
    return Failure(
      description: "cannot \(what) \(place): \(String(cString: strerror(code)))",
      isOfPort: address.family != AF_UNIX && [EADDRINUSE, EACCES].contains(code))
  }

  private static func isAnswered(_ address: SocketAddress) -> Bool {
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard probe >= 0 else { return true }
    defer { Foundation.close(probe) }
    return address.withKernelAddress { connect(probe, $0, $1) } == 0
  }
}

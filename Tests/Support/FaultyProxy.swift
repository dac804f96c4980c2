package import EventLoop
import Foundation

/// A bad network before a server of this machine: carries connections over TCP and does to each what is drawn for
/// it.
///
/// It lives on the loop and blocks nobody. What passes is neither changed nor reordered: bytes come late, in other
/// pieces, or no more. Of what a Redis publishes single messages may be lost.
@EventLoop
package final class FaultyProxy {
  /// Where clients connect.
  package let port: Int
  /// The server's port; nil while there is none: who comes then is reset.
  package var target: Int?
  /// What becomes of the next connection.
  package var draw: @EventLoop () -> ProxyFault
  /// Connections that were taken.
  package private(set) var taken = 0
  /// Messages of Redis's that were lost.
  package private(set) var lost = 0
  private let listener: Int32
  private var watcher: SocketWatcher?
  private var lines: [ObjectIdentifier: ProxiedLine] = [:]

  /// It could not listen.
  package struct DidNotListen: Error { package let errno: Int32 }

  /// Before the server at `target`.
  package init(before target: Int?, draw: @escaping @EventLoop () -> ProxyFault = { .none }) throws {
    self.target = target
    self.draw = draw
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 1024) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    guard isBound else {
      let number = errno
      Foundation.close(listener)
      throw DidNotListen(errno: number)
    }
    _ = fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK)
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
    watcher = SocketWatcher(descriptor: listener) { [weak self] _ in self?.accept() }
    watcher?.watch(.readable)
  }

  /// Connections that stand.
  package var count: Int { lines.count }

  /// Does something else, from here on, to the connections of now.
  package func afflict(_ fault: @EventLoop () -> ProxyFault) { for line in lines.values { line.begin(fault()) } }

  /// Nothing bad happens any more to the connections of now; those that would go deaf are reset.
  package func heal() { for line in lines.values { line.heal() } }

  /// Resets the connections of now.
  package func cut() { for line in lines.values { line.reset() } }

  /// Resets every connection, and takes no more.
  package func close() {
    guard watcher != nil else { return }
    watcher?.stop()
    watcher = nil
    Foundation.close(listener)
    cut()
  }

  private func accept() {
    while true {
      let client = Foundation.accept(listener, nil, nil)
      guard client >= 0 else { return }
      taken += 1
      _ = fcntl(client, F_SETFL, fcntl(client, F_GETFL) | O_NONBLOCK)
      guard let target, let server = Self.connect(to: target) else {
        ProxiedLine.reset(client)
        continue
      }
      let line = ProxiedLine(client: client, server: server)
      lines[ObjectIdentifier(line)] = line
      line.whenOver = { [weak self] line in self?.lines[ObjectIdentifier(line)] = nil }
      line.whenLost = { [weak self] in self?.lost += 1 }
      line.begin(draw())
    }
  }

  /// A connection that stands or will; a refusal is met at the first read.
  private static func connect(to port: Int) -> Int32? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    var address = sockaddr_in.loopback(port: port)
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 || errno == EINPROGRESS else {
      Foundation.close(descriptor)
      return nil
    }
    return descriptor
  }

  isolated deinit { close() }
}

extension sockaddr_in {
  fileprivate static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }
}

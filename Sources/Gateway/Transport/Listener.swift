import CWebSockets
import EventLoop
import Foundation

/// Accepts what arrives at a listening socket.
@EventLoop
final class Listener {
  private let socket: ListeningSocket
  private var watcher: SocketWatcher?
  private let accepted: @EventLoop (Int32, SocketAddress) -> Void
  /// Given up for a moment when descriptors run out, so that a connection can be accepted and
  /// closed; otherwise it would be reported again at once, for ever.
  private var spare: Int32

  /// Accepts from now on, and owns the socket. `accepted` owns the descriptors it is given; they do not block.
  init(on socket: ListeningSocket, accepted: @escaping @EventLoop (Int32, SocketAddress) -> Void) {
    self.socket = socket
    self.accepted = accepted
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    watcher = SocketWatcher(descriptor: socket.descriptor) { [weak self] _ in self?.acceptAll() }
    watcher?.watch(.readable)
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
          CWebSocketsAccept(socket.descriptor, $0, &size)
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
    let victim = CWebSocketsAccept(socket.descriptor, nil, nil)
    if victim >= 0 { Foundation.close(victim) }
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    return victim >= 0
  }

  /// Accepts no more; what was accepted stays, and what waits in a socket that another process has open too waits on.
  func close() {
    guard let watcher else { return }
    watcher.stop()
    self.watcher = nil
    socket.close()
    if spare >= 0 { Foundation.close(spare) }
  }

  isolated deinit { close() }
}

import EventLoop
import Foundation

/// One end of a line between two processes of this machine that carries whole messages, and whose end tells that the
/// other process is gone, however it went.
@EventLoop
final class ProcessLink {
  private let descriptor: Int32
  private var watcher: SocketWatcher?
  private let heard: @EventLoop (String) -> Void
  private let ended: @EventLoop () -> Void

  /// The two ends of a new line, neither of which children get by themselves.
  static func pair() throws(CommandFailure) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else {
      throw CommandFailure(
        description: "no line to a process can be made: \(String(cString: strerror(errno)))", status: .failed)
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Owns the descriptor. `heard` is called with each message, and `ended` once, when none can come any more.
  init(_ descriptor: Int32, heard: @escaping @EventLoop (String) -> Void, ended: @escaping @EventLoop () -> Void) {
    self.descriptor = descriptor
    self.heard = heard
    self.ended = ended
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    watcher = SocketWatcher(descriptor: descriptor) { [weak self] _ in self?.receive() }
    watcher?.watch(.readable)
  }

  /// A message to the other end. Where nobody is there it is lost: that is told by the end of the line.
  func send(_ text: String) {
    guard watcher != nil else { return }
    let bytes = Array(text.utf8)
    _ = Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// Takes what has come.
  func receive() {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while watcher != nil {
      let count = recv(descriptor, &bytes, bytes.count, 0)
      if count > 0 {
        heard(String(decoding: bytes[..<count], as: UTF8.self))
      } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
        close()
        ended()
      } else if errno == EAGAIN {
        return
      }
    }
  }

  /// Ends the line, without being told so.
  func close() {
    guard let watcher else { return }
    watcher.stop()
    self.watcher = nil
    Foundation.close(descriptor)
  }

  isolated deinit { close() }
}

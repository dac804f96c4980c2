import Foundation

/// A named pipe. Whoever writes into it lives; its end says that all who held it have ended: so a test
/// waits for the death of a process, a grandchild's too, without asking again and again.
package final class Fifo: Sendable {
  package let path: String
  private let descriptor: Int32

  package init(_ path: String) {
    self.path = path
    precondition(mkfifo(path, 0o600) == 0, "a fifo cannot be made")
    // Without blocking: there is no writer yet.
    descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    precondition(descriptor >= 0, "a fifo cannot be opened")
  }

  /// Waits for a line, or for the end of all who held the other end without writing one: what they wrote is
  /// answered then. On a thread of its own: the wait is in the kernel.
  package func line() async -> String {
    await onThread { descriptor in
      var text: [UInt8] = []
      while true {
        var byte: UInt8 = 0
        let count = read(descriptor, &byte, 1)
        if count == 1 {
          if byte == 0x0A { return String(decoding: text, as: UTF8.self) }
          text.append(byte)
        } else {
          var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
          poll(&entry, 1, 1000)
          // Nobody has it open any more, and nothing is left to read.
          if count == 0, entry.revents & Int16(POLLHUP | POLLIN) == Int16(POLLHUP) {
            return String(decoding: text, as: UTF8.self)
          }
        }
      }
    }
  }

  /// Waits until nobody holds the other end any more. Somebody must have held it: see ``line()``.
  package func end() async {
    _ = await onThread { descriptor in
      while true {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, 1000)
        var byte: UInt8 = 0
        if read(descriptor, &byte, 1) == 0 { return "" }
      }
    }
  }

  private func onThread(_ body: @escaping @Sendable (Int32) -> String) async -> String {
    let descriptor = descriptor
    return await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: body(descriptor)) }
      thread.start()
    }
  }

  deinit { close(descriptor) }
}

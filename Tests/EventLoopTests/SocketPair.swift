import Foundation

/// Two sockets that are connected to each other.
final class SocketPair {
  private(set) var near: Int32
  private(set) var far: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0, "no sockets")
    (near, far) = (ends[0], ends[1])
  }

  /// The far end says something.
  func speak() { precondition(write(far, "x", 1) == 1, "the far end cannot write") }

  /// The near end hears it.
  func listen() {
    var byte: UInt8 = 0
    _ = read(near, &byte, 1)
  }

  func closeFar() {
    close(far)
    far = -1
  }

  deinit {
    close(near)
    if far >= 0 { close(far) }
  }
}

import Foundation

/// A file of `/proc`, read whole; one object reads many, one after the other, into the same memory.
final class KernelFile {
  enum Reading {
    case contents
    /// It is empty, or not there (any more).
    case nothing
    /// It may not be read.
    case forbidden
  }

  private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 16)
  private var count = 0

  deinit { memory.deallocate() }

  /// Reads a file in place of the one before.
  func read(_ path: String) -> Reading {
    count = 0
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno == EACCES || errno == EPERM ? .forbidden : .nothing }
    defer { close(descriptor) }
    while true {
      let room = UnsafeMutableRawBufferPointer(rebasing: memory[count...])
      let more = Foundation.read(descriptor, room.baseAddress, room.count)
      guard more > 0 else { break }
      count += more
      if count == memory.count { grow() }
    }
    return count > 0 ? .contents : .nothing
  }

  private func grow() {
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * memory.count, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(memory))
    memory.deallocate()
    memory = larger
  }

  /// Whether one of the entries, each closed by a NUL, is this one.
  func holds(entry wanted: [UInt8]) -> Bool {
    var isHeld = false
    visitPieces(closedBy: 0) { piece in
      isHeld = piece.count == wanted.count && memcmp(piece.baseAddress!, wanted, wanted.count) == 0
      return !isHeld
    }
    return isHeld
  }

  /// What follows in the first line that begins so.
  func rest(ofLine beginning: String) -> String? {
    let wanted = Array(beginning.utf8)
    var rest: String?
    visitPieces(closedBy: UInt8(ascii: "\n")) { piece in
      guard piece.count >= wanted.count, memcmp(piece.baseAddress!, wanted, wanted.count) == 0 else {
        return true
      }
      rest = String(decoding: piece.dropFirst(wanted.count), as: UTF8.self)
      return false
    }
    return rest
  }

  /// Hands over what lies between the marks, until `visit` has seen enough.
  private func visitPieces(
    closedBy mark: UInt8, _ visit: (UnsafeRawBufferPointer) -> Bool
  ) {
    var rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count])
    while let start = rest.baseAddress, !rest.isEmpty {
      let length =
        memchr(start, CInt(mark), rest.count).map { $0 - UnsafeMutableRawPointer(mutating: start) } ?? rest.count
      guard visit(UnsafeRawBufferPointer(start: start, count: length)) else { return }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length + 1))
    }
  }
}

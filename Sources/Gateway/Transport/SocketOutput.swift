import CWebSockets
import Foundation

/// The way out to a client: what its socket has not taken yet, and whether it keeps the pace.
struct SocketOutput {
  /// The connection is gone.
  struct Broken: Error {}

  private var pending = PendingBytes()
  private var pace: Pace
  private let clock = ContinuousClock()

  init(_ limits: Limits) { pace = Pace(limits.answerRate, in: limits.rateWindow) }

  /// Bytes that wait for the socket.
  var count: Int { pending.count }
  var isEmpty: Bool { pending.isEmpty }

  /// The client took too little for the time it was given.
  var isTooSlow: Bool { pace.isLost }

  /// Writes at once what the socket takes, where nothing is pending, and keeps the rest.
  mutating func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32
  ) throws(Broken) {
    guard let sent = isEmpty ? send(bytes, to: descriptor) : 0 else { throw Broken() }
    guard sent < bytes.count else { return }
    pending.append(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
  }

  /// Writes of what is pending as much as the socket takes.
  mutating func flush(to descriptor: Int32) throws(Broken) {
    guard let sent = pending.withUnsafeBytes({ send($0, to: descriptor) }) else { throw Broken() }
    pending.removeFirst(sent)
    pace.moved(sent, at: clock.now)
    if isEmpty { pace.restart() }
  }

  /// The client has something to take; returns how long it may be at it.
  mutating func waits() -> Duration { max(.zero, pace.waits(at: clock.now)) }

  /// Forgets what is pending, and the memory with it.
  mutating func removeAll() { pending = PendingBytes() }

  /// How many bytes went out; nil where the connection is gone.
  private func send(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int? {
    let count = CWebSocketsSend(descriptor, bytes.baseAddress, bytes.count)
    if count >= 0 { return count }
    return errno == EAGAIN || errno == EINTR ? 0 : nil
  }
}

import EventLoop
import Gateway
import Jobs

/// A WebSocket connection without a socket: what a session sends is seen at once, and the test
/// decides when the reader is behind.
@EventLoop
final class FakeConnection: ClientConnection {
  private(set) var isBehind = false
  /// The objects of each send, as text.
  private(set) var sent: [String] = []
  private(set) var closed: (code: UInt16, reason: String)?
  private(set) var isReadingPaused = false
  private var waiting: (count: Int, CheckedContinuation<Void, Never>)?
  private var waitingForClose: CheckedContinuation<Void, Never>?
  /// Taken by `isBehind` while true: the reader takes nothing.
  var isStalled = false

  /// How often something was sent.
  private(set) var sendCount = 0

  func send(_ frames: [PreparedFrame]) {
    guard closed == nil else { return }
    sendCount += 1
    let whole = frames.flatMap { $0.parts.isEmpty ? [$0] : $0.parts }
    // A message may hold several objects (spec §1).
    sent += whole.flatMap { String(decoding: $0.payload, as: UTF8.self).split(separator: "\n").map(String.init) }
    if isStalled { isBehind = true }
    if let (count, continuation) = waiting, sent.count >= count {
      waiting = nil
      continuation.resume()
    }
  }

  private(set) var pingCount = 0
  func ping() { pingCount += 1 }

  func close(code: UInt16, reason: String) {
    closed = (code, reason)
    waitingForClose?.resume()
    waitingForClose = nil
    waiting?.1.resume()
    waiting = nil
  }

  func pauseReading() { isReadingPaused = true }
  func resumeReading() { isReadingPaused = false }

  /// Returns once `count` frames were sent in all, or the connection was closed.
  func frames(_ count: Int) async -> [String] {
    if sent.count < count, closed == nil {
      await withCheckedContinuation { waiting = (count, $0) }
    }
    return sent
  }

  /// Returns once the session has closed the connection, with the code.
  func close() async -> UInt16? {
    if closed == nil { await withCheckedContinuation { waitingForClose = $0 } }
    return closed?.code
  }

  /// The reader takes everything; the caller tells the session.
  func drain() {
    isStalled = false
    isBehind = false
  }
}

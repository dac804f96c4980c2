import CUV

/// How long the turns of the loop take: what a turn holds up, everyone waits for.
@EventLoop
package final class LoopMetrics {
  /// Turns since the beginning.
  package private(set) var turns = 0
  /// Turns that took longer than ``slowTurn``.
  package private(set) var slowTurns = 0
  /// The longest turn since the last ``resetLongest()``.
  package private(set) var longestTurn = Duration.zero
  /// A turn over this is reported.
  package let slowTurn: Duration

  private let beforePoll: UnsafeMutablePointer<uv_prepare_t>
  private let afterPoll: UnsafeMutablePointer<uv_check_t>
  private var callbacksTook: UInt64 = 0
  private let report: @EventLoop (Duration) -> Void

  /// Measures from now on and calls `report` with the length of each turn over `slowTurn`.
  package init(
    slowTurn: Duration = .milliseconds(10), report: @escaping @EventLoop (Duration) -> Void
  ) {
    self.slowTurn = slowTurn
    self.report = report
    beforePoll = .allocate(capacity: 1)
    afterPoll = .allocate(capacity: 1)
    let loop = EventLoop.executor.loop.uv
    uv_prepare_init(loop, beforePoll)
    uv_check_init(loop, afterPoll)
    let data = Unmanaged.passUnretained(self).toOpaque()
    beforePoll.pointee.data = data
    afterPoll.pointee.data = data
    uv_prepare_start(beforePoll, loopTurnEnded)
    uv_check_start(afterPoll, turnHasRunCallbacks)
  }

  /// Starts the search for the longest turn anew.
  package func resetLongest() { longestTurn = .zero }

  // libuv takes the time when its poll returns and again before it runs timers. What has passed since is,
  // after the poll, the work of callbacks and, before the next poll, that of timers and jobs.
  private var millisecondsSinceLoopTime: UInt64 {
    let now = uv_hrtime() / 1_000_000
    let taken = uv_now(EventLoop.executor.loop.uv)
    return now > taken ? now - taken : 0
  }

  fileprivate func ranCallbacks() { callbacksTook = millisecondsSinceLoopTime }

  fileprivate func turnEnded() {
    turns += 1
    let length = Duration.milliseconds(Int64(callbacksTook + millisecondsSinceLoopTime))
    callbacksTook = 0
    if length > longestTurn { longestTurn = length }
    guard length > slowTurn else { return }
    slowTurns += 1
    report(length)
  }

  isolated deinit {
    uv_prepare_stop(beforePoll)
    uv_check_stop(afterPoll)
    beforePoll.pointee.data = nil
    afterPoll.pointee.data = nil
    uv_close(UnsafeMutableRawPointer(beforePoll).assumingMemoryBound(to: uv_handle_t.self)) {
      UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_prepare_t.self).deallocate()
    }
    uv_close(UnsafeMutableRawPointer(afterPoll).assumingMemoryBound(to: uv_handle_t.self)) {
      UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_check_t.self).deallocate()
    }
  }
}

@c private func loopTurnEnded(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
  nonisolated(unsafe) let data = handle?.pointee.data
  EventLoop.assumeIsolated {
    guard let data else { return }
    Unmanaged<LoopMetrics>.fromOpaque(data).takeUnretainedValue().turnEnded()
  }
}

@c private func turnHasRunCallbacks(_ handle: UnsafeMutablePointer<uv_check_t>?) {
  nonisolated(unsafe) let data = handle?.pointee.data
  EventLoop.assumeIsolated {
    guard let data else { return }
    Unmanaged<LoopMetrics>.fromOpaque(data).takeUnretainedValue().ranCallbacks()
  }
}

import CUV

/// A timer of the loop: fires once or again and again, until it is stopped or let go.
///
/// Each holds a `uv_timer_t` in libuv's heap. For thousands of deadlines use ``TimerWheel``.
@EventLoop
package final class LoopTimer {
  private let handle: UnsafeMutablePointer<uv_timer_t>
  fileprivate let fire: @EventLoop () -> Void

  /// Fires every `interval`, first after `first` (by default after one interval).
  package convenience init(
    every interval: Duration, first: Duration? = nil, fire: @escaping @EventLoop () -> Void
  ) {
    self.init(after: first ?? interval, repeating: interval, fire: fire)
  }

  /// Fires once, after `delay`.
  package convenience init(after delay: Duration, fire: @escaping @EventLoop () -> Void) {
    self.init(after: delay, repeating: .zero, fire: fire)
  }

  private init(
    after delay: Duration, repeating interval: Duration, fire: @escaping @EventLoop () -> Void
  ) {
    self.fire = fire
    handle = .allocate(capacity: 1)
    uv_timer_init(EventLoop.executor.loop.uv, handle)
    handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    uv_timer_start(
      handle, timerFired, Self.timeout(for: delay), interval.wholeMilliseconds)
  }

  /// The delay as libuv measures it: from the loop's time, which is whole milliseconds and old after a
  /// long turn. That time is left as it is, because ``LoopMetrics`` measures the turn by it.
  private static func timeout(for delay: Duration) -> UInt64 {
    guard delay > .zero else { return 0 }
    let now = (uv_hrtime() + 999_999) / 1_000_000
    let loopTime = uv_now(EventLoop.executor.loop.uv)
    return delay.wholeMilliseconds + (now > loopTime ? now - loopTime : 0)
  }

  /// Fires no more. Harmless when it has stopped already.
  package func stop() { uv_timer_stop(handle) }

  isolated deinit {
    uv_timer_stop(handle)
    handle.pointee.data = nil
    // libuv holds the handle until this callback.
    uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { closed in
      UnsafeMutableRawPointer(closed!).assumingMemoryBound(to: uv_timer_t.self).deallocate()
    }
  }
}

extension EventLoop {
  /// Returns after `duration`, at once for none. Does not end early where the task is cancelled.
  @EventLoop
  package static func pause(for duration: Duration) async {
    guard duration > .zero else { return }
    var timer: LoopTimer?
    await suspend { continuation in
      timer = LoopTimer(after: duration) { continuation.resume() }
    }
    timer?.stop()
  }
}

@c private func timerFired(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
  // libuv calls on the loop's thread; assumeIsolated checks it.
  nonisolated(unsafe) let data = handle?.pointee.data
  EventLoop.assumeIsolated {
    guard let data else { return }
    let timer = Unmanaged<LoopTimer>.fromOpaque(data).takeUnretainedValue()
    timer.fire()
  }
}

extension Duration {
  /// Milliseconds, rounded up, never negative: a timer never fires early.
  package var wholeMilliseconds: UInt64 {
    let (seconds, attoseconds) = components
    let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    return milliseconds < 0 ? 0 : UInt64(milliseconds)
  }

  /// Seconds as a floating-point number.
  package var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}

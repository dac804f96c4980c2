import CUV

/// Calls back at the end of every turn of the loop, after timers, sockets and jobs had theirs.
///
/// The place to write out what a turn has gathered: one system call a connection, however many
/// publications the turn brought.
@EventLoop
package final class TurnEnd {
  private let beforePoll: UnsafeMutablePointer<uv_prepare_t>
  fileprivate let run: @EventLoop () -> Void

  /// Runs `run` before each time the loop goes to wait, while the object exists.
  package init(run: @escaping @EventLoop () -> Void) {
    self.run = run
    beforePoll = .allocate(capacity: 1)
    uv_prepare_init(EventLoop.executor.loop.uv, beforePoll)
    beforePoll.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    // The prepare phase is the last before the poll: what callbacks and timers of this turn
    // produced goes out before the loop sleeps.
    uv_prepare_start(beforePoll, turnEnds)
  }

  isolated deinit {
    uv_prepare_stop(beforePoll)
    beforePoll.pointee.data = nil
    uv_close(UnsafeMutableRawPointer(beforePoll).assumingMemoryBound(to: uv_handle_t.self)) {
      UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_prepare_t.self).deallocate()
    }
  }
}

@c private func turnEnds(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
  nonisolated(unsafe) let data = handle?.pointee.data
  EventLoop.assumeIsolated {
    guard let data else { return }
    Unmanaged<TurnEnd>.fromOpaque(data).takeUnretainedValue().run()
  }
}

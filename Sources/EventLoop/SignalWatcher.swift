import CUV

/// Calls back on the loop when the process receives a signal, in place of its default action.
@EventLoop
package final class SignalWatcher {
  private let handle: UnsafeMutablePointer<uv_signal_t>
  fileprivate let receive: @EventLoop () -> Void

  /// Watches `signal` (SIGTERM, SIGINT, SIGHUP…) until the watcher is let go.
  package init(_ signal: Int32, receive: @escaping @EventLoop () -> Void) {
    self.receive = receive
    handle = .allocate(capacity: 1)
    uv_signal_init(EventLoop.executor.loop.uv, handle)
    handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    uv_signal_start(handle, signalReceived, signal)
  }

  isolated deinit {
    uv_signal_stop(handle)
    handle.pointee.data = nil
    uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { closed in
      UnsafeMutableRawPointer(closed!).assumingMemoryBound(to: uv_signal_t.self).deallocate()
    }
  }
}

@c private func signalReceived(_ handle: UnsafeMutablePointer<uv_signal_t>?, _ signal: CInt) {
  nonisolated(unsafe) let data = handle?.pointee.data
  EventLoop.assumeIsolated {
    guard let data else { return }
    Unmanaged<SignalWatcher>.fromOpaque(data).takeUnretainedValue().receive()
  }
}

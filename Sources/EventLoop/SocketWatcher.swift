import CUV

/// Tells on the loop when a socket can be read from or written to.
///
/// The descriptor stays its owner's: the watcher never reads, writes or closes it, and must be let
/// go (or stopped) before the descriptor is closed.
@EventLoop
package final class SocketWatcher {
  /// What the socket is ready for.
  package struct Readiness: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
  }

  private let handle: UnsafeMutablePointer<uv_poll_t>
  private var interests: Readiness = []
  private var isStopped = false
  fileprivate let ready: @EventLoop (Readiness) -> Void

  /// Watches nothing until ``watch(_:)`` says what for.
  package init(descriptor: Int32, ready: @escaping @EventLoop (Readiness) -> Void) {
    self.ready = ready
    handle = .allocate(capacity: 1)
    let code = uv_poll_init(EventLoop.executor.loop.uv, handle, descriptor)
    precondition(code == 0, "a socket cannot be watched: \(String(cString: uv_strerror(code)))")
    handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
  }

  /// Replaces the set of events watched for. An error of the socket reads as both.
  package func watch(_ wanted: Readiness) {
    guard wanted != interests, !isStopped else { return }
    interests = wanted
    if wanted.isEmpty {
      uv_poll_stop(handle)
    } else {
      uv_poll_start(handle, wanted.rawValue, socketReady)
    }
  }

  /// Watches no more. From here on the descriptor may be closed, or given to another watcher.
  ///
  /// Letting the watcher go stops it too, but maybe a turn later: the number of a descriptor closed
  /// meanwhile may then belong to another socket, which would go deaf.
  package func stop() {
    guard !isStopped else { return }
    isStopped = true
    uv_poll_stop(handle)
    handle.pointee.data = nil
    uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) { closed in
      UnsafeMutableRawPointer(closed!).assumingMemoryBound(to: uv_poll_t.self).deallocate()
    }
  }

  isolated deinit { stop() }
}

@c private func socketReady(
  _ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: CInt, _ events: CInt
) {
  nonisolated(unsafe) let data = handle?.pointee.data
  EventLoop.assumeIsolated {
    guard let data else { return }
    let watcher = Unmanaged<SocketWatcher>.fromOpaque(data).takeUnretainedValue()
    watcher.ready(status < 0 ? [.readable, .writable] : .init(rawValue: events))
  }
}

import CUV
import Foundation

/// Sockets that can wait a moment to be read from: what many of them have to say is told in one turn of the loop.
///
/// A watcher of its own wakes the loop for each of them, and callers that ask evenly, one every millisecond, then cost
/// a wake-up apiece. Here those that are ready within a moment share one. While the members are few each is told of
/// at once, since nothing would be gained.
@EventLoop
package final class SocketCrowd {
  /// How many members make it worth to wait for others.
  private let crowd: Int
  private let moment: Duration
  private let poller = epoll_create1(Int32(EPOLL_CLOEXEC))
  private var members: [Int32: @EventLoop () -> Void] = [:]
  /// Wakes the loop when a first member is ready; not while `pulse` looks by itself.
  private var watcher: SocketWatcher?
  private var pulse: LoopTimer?
  private var ready = [epoll_event](repeating: epoll_event(), count: 512)

  /// A crowd that waits up to `moment` from so many members on.
  package init(of crowd: Int = 64, for moment: Duration = .milliseconds(25)) {
    self.crowd = crowd
    self.moment = moment
  }

  /// How many sockets are watched.
  package var count: Int { members.count }

  /// Calls `ready` whenever the socket can be read from, until ``remove(_:)``, which must come before the descriptor is
  /// closed or given away. The descriptor may have no other watcher. False: the system lets us have no such set.
  package func add(_ descriptor: Int32, ready: @escaping @EventLoop () -> Void) -> Bool {
    precondition(members[descriptor] == nil, "a socket joins twice")
    var event = epoll_event()
    event.events = EPOLLIN.rawValue
    event.data.fd = descriptor
    guard poller >= 0, epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0 else { return false }
    members[descriptor] = ready
    if watcher == nil { watcher = SocketWatcher(descriptor: poller) { [weak self] _ in self?.begin() } }
    if pulse == nil { watcher?.watch(.readable) }
    return true
  }

  /// Tells of the socket no more. Harmless when it is no member.
  package func remove(_ descriptor: Int32) {
    guard members.removeValue(forKey: descriptor) != nil else { return }
    var none = epoll_event()
    epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &none)
  }

  private func begin() {
    guard members.count >= crowd else {
      tell()
      return
    }
    watcher?.watch([])
    pulse = LoopTimer(every: moment) { [weak self] in self?.beat() }
  }

  /// Looks again after each moment, until nobody was ready.
  private func beat() {
    guard tell() == 0 else { return }
    pulse = nil
    watcher?.watch(.readable)
  }

  /// Tells of all that are ready, at most 512 at a time; returns how many.
  @discardableResult
  private func tell() -> Int {
    let found = Int(epoll_wait(poller, &ready, Int32(ready.count), 0))
    // Who is told may remove others, or itself.
    for index in 0..<max(0, found) { members[ready[index].data.fd]?() }
    return max(0, found)
  }

  isolated deinit {
    watcher?.stop()
    if poller >= 0 { close(poller) }
  }
}

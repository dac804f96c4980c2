import EventLoop
import Foundation
import Support
import Testing

@Suite("A socket watcher", .timeLimit(.minutes(1))) @EventLoop struct SocketWatcherTests {
  private let pair = SocketPair()
  private let heard = Arrivals<SocketWatcher.Readiness>()

  private func watcher(of pair: SocketPair) -> SocketWatcher {
    SocketWatcher(descriptor: pair.near) { readiness in
      heard.append(readiness)
      if readiness.contains(.readable) { pair.listen() }
    }
  }

  /// Returns when the loop has told of another socket: of the first it would have told as well.
  private func control() async throws {
    for _ in 0..<2 {
      let other = SocketPair()
      let told = Arrivals<Void>()
      let watcher = SocketWatcher(descriptor: other.near) { _ in
        other.listen()
        told.append(())
      }
      watcher.watch(.readable)
      other.speak()
      try await told.values(atLeast: 1)
      watcher.stop()
    }
  }

  @Test("tells what it was asked for, as long as it is asked for")
  func interests() async throws {
    let watcher = watcher(of: pair)
    pair.speak()
    try await control()
    #expect(heard.values.isEmpty)
    watcher.watch(.readable)
    #expect(try await heard.values(atLeast: 1) == [.readable])
    pair.speak()
    #expect(try await heard.values(atLeast: 2) == [.readable, .readable])
    watcher.watch([])
    pair.speak()
    try await control()
    #expect(heard.values.count == 2)
    watcher.watch(.readable)
    try await heard.values(atLeast: 3)
    watcher.stop()
  }

  @Test("tells of room to write, and of both together")
  func both() async throws {
    let watcher = watcher(of: pair)
    pair.speak()
    watcher.watch([.readable, .writable])
    #expect(try await heard.values(atLeast: 1)[0] == [.readable, .writable])
    #expect(try await heard.values(atLeast: 2)[1] == .writable)
    watcher.stop()
  }

  @Test("tells of the other end's going as something to read")
  func hangup() async throws {
    let watcher = watcher(of: pair)
    watcher.watch(.readable)
    pair.closeFar()
    #expect(try await heard.values(atLeast: 1)[0].contains(.readable))
    watcher.stop()
  }

  @Test("tells nothing after its stop, whatever it is asked then")
  func stopped() async throws {
    let watcher = watcher(of: pair)
    watcher.watch(.readable)
    watcher.stop()
    watcher.stop()
    watcher.watch(.readable)
    pair.speak()
    try await control()
    #expect(heard.values.isEmpty)
  }

  @Test("may be stopped while it tells")
  func stoppedInside() async throws {
    var watcher: SocketWatcher?
    watcher = SocketWatcher(descriptor: pair.near) { readiness in
      heard.append(readiness)
      watcher?.stop()
    }
    watcher?.watch(.readable)
    pair.speak()
    try await heard.values(atLeast: 1)
    try await control()
    #expect(heard.values.count == 1)
    watcher = nil
  }

  @Test("leaves the descriptor's number to another from its stop on")
  func reuse() async throws {
    var old: SocketWatcher? = watcher(of: pair)
    old?.watch(.readable)
    old?.stop()
    // Another socket takes the number, as after a close and an accept.
    let other = SocketPair()
    precondition(dup2(other.near, pair.near) == pair.near, "a descriptor cannot be replaced")
    let told = Arrivals<Void>()
    let number = pair.near
    let watcher = SocketWatcher(descriptor: number) { _ in
      var byte: UInt8 = 0
      _ = read(number, &byte, 1)
      told.append(())
    }
    watcher.watch(.readable)
    old = nil
    for count in 1...3 {
      other.speak()
      try await told.values(atLeast: count)
    }
    watcher.stop()
    #expect(heard.values.isEmpty)
    #expect(old == nil)
  }
}

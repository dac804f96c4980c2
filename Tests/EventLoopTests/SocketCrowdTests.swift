import EventLoop
import Foundation
import Support
import Testing

@Suite("A crowd of sockets", .timeLimit(.minutes(1))) @EventLoop struct SocketCrowdTests {
  private let heard = Arrivals<Int>()

  private func join(_ crowd: SocketCrowd, _ pairs: [SocketPair]) {
    for (number, pair) in pairs.enumerated() {
      #expect(
        crowd.add(pair.near) {
          pair.listen()
          heard.append(number)
        })
    }
  }

  @Test("tells of each member that says something, few or many", arguments: [1, 3, 200])
  func members(count: Int) async throws {
    let crowd = SocketCrowd(of: 4, for: .milliseconds(1))
    let pairs = (0..<count).map { _ in SocketPair() }
    join(crowd, pairs)
    for round in 1...3 {
      for pair in pairs { pair.speak() }
      let told = try await heard.values(atLeast: round * count)
      #expect(told.suffix(count).sorted() == Array(0..<count))
    }
    for pair in pairs { crowd.remove(pair.near) }
    #expect(crowd.count == 0)
  }

  @Test("tells in one turn of all that said something within its moment")
  func together() async throws {
    let crowd = SocketCrowd(of: 2, for: .milliseconds(50))
    let pairs = (0..<20).map { _ in SocketPair() }
    let turns = Arrivals<Int>()
    join(crowd, pairs)
    let turnEnd = TurnEnd { turns.append(heard.values.count) }
    // The first wakes it; the others come in turns of their own, as callers do.
    for pair in pairs {
      pair.speak()
      await EventLoop.pause(for: .milliseconds(1))
    }
    try await heard.values(atLeast: 20)
    withExtendedLifetime(turnEnd) {}
    let steps = Set(turns.values).subtracting([0])
    #expect(steps.count < 10, "20 members were told of in steps: \(steps.sorted())")
    for pair in pairs { crowd.remove(pair.near) }
  }

  @Test("tells of the other end's going, and nothing of who has left")
  func leaving() async throws {
    let crowd = SocketCrowd(of: 1, for: .milliseconds(1))
    let pairs = (0..<3).map { _ in SocketPair() }
    join(crowd, pairs)
    pairs[0].speak()
    crowd.remove(pairs[0].near)
    crowd.remove(pairs[0].near)
    pairs[1].closeFar()
    #expect(try await heard.values(atLeast: 1)[0] == 1)
    crowd.remove(pairs[1].near)
    pairs[2].speak()
    let told = try await heard.values { $0.contains(2) }
    #expect(!told.contains(0))
    // Who has left may come back, here or elsewhere.
    let watched = Arrivals<Void>()
    let watcher = SocketWatcher(descriptor: pairs[0].near) { _ in
      pairs[0].listen()
      watched.append(())
    }
    watcher.watch(.readable)
    try await watched.values(atLeast: 1)
    watcher.stop()
    crowd.remove(pairs[2].near)
  }

  @Test("lets members leave while it tells of them")
  func leavingWhileTold() async throws {
    let crowd = SocketCrowd(of: 64)
    let pairs = (0..<10).map { _ in SocketPair() }
    for (number, pair) in pairs.enumerated() {
      _ = crowd.add(pair.near) {
        heard.append(number)
        for pair in pairs { crowd.remove(pair.near) }
      }
    }
    for pair in pairs { pair.speak() }
    try await heard.values(atLeast: 1)
    let other = SocketPair()
    _ = crowd.add(other.near) {
      other.listen()
      heard.append(99)
    }
    other.speak()
    #expect(try await heard.values { $0.contains(99) }.count == 2)
    crowd.remove(other.near)
  }
}

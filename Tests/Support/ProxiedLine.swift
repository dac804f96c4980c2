import EventLoop
import Foundation

/// One connection through a ``FaultyProxy``: a client's and the one to its server.
@EventLoop
final class ProxiedLine {
  /// Bytes on their way to one side.
  private struct Lane {
    let source: Int32
    let sink: Int32
    var pending: [UInt8] = []
    /// How many have arrived, since the fault began.
    var passed = 0
    /// What is there waits for a timer.
    var isHeld = false
    /// Nothing more is heard from the source, or told to the sink.
    var hasFinished = false
    var isShut = false
    var timer: LoopTimer?

    var wantsBytes: Bool { !hasFinished && !isHeld && pending.count < 64 << 10 }
    var wantsRoom: Bool { !isHeld && !pending.isEmpty }
  }

  var whenOver: (@EventLoop (ProxiedLine) -> Void)?
  /// A message of Redis's was lost.
  var whenLost: (@EventLoop () -> Void)?
  /// What came from Redis, where some of it is to be lost.
  private var replies = RedisReplies()
  private let client: Int32
  private let server: Int32
  private var clientWatcher: SocketWatcher?
  private var serverWatcher: SocketWatcher?
  private var lanes: [ProxyFault.Way: Lane]
  private var fault = ProxyFault.none
  private var limit: LoopTimer?
  private var isOver = false

  init(client: Int32, server: Int32) {
    self.client = client
    self.server = server
    lanes = [
      .toServer: Lane(source: client, sink: server), .toClient: Lane(source: server, sink: client),
    ]
    var one: Int32 = 1
    for descriptor in [client, server] { setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4) }
    clientWatcher = SocketWatcher(descriptor: client) { [weak self] in
      self?.woke($0, reads: .toServer, writes: .toClient)
    }
    serverWatcher = SocketWatcher(descriptor: server) { [weak self] in
      self?.woke($0, reads: .toClient, writes: .toServer)
    }
    watch()
  }

  /// From here on the network does this.
  func begin(_ fault: ProxyFault) {
    self.fault = fault
    lanes[.toClient]!.pending += replies.takeRest()
    watch()
    for way in [ProxyFault.Way.toServer, .toClient] { lanes[way]!.passed = 0 }
    limit?.stop()
    limit = nil
    guard case .halfOpen(_, _, let lasting) = fault else { return }
    limit = LoopTimer(after: lasting) { [weak self] in self?.reset() }
  }

  /// The network is good again. What a deaf one has lost nobody can bring back: it is reset.
  func heal() {
    if case .halfOpen = fault { reset() } else { begin(.none) }
  }

  /// Ends both sides as a network does that loses a connection.
  func reset() {
    guard !isOver else { return }
    forget()
    Self.reset(client)
    Self.reset(server)
  }

  /// Closes with a reset.
  static func reset(_ descriptor: Int32) {
    var lingering = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
  }

  private func forget() {
    isOver = true
    for watcher in [clientWatcher, serverWatcher] { watcher?.stop() }
    clientWatcher = nil
    serverWatcher = nil
    limit?.stop()
    for way in [ProxyFault.Way.toServer, .toClient] { lanes[way]!.timer?.stop() }
    whenOver?(self)
    whenOver = nil
    whenLost = nil
  }

  private func woke(_ readiness: SocketWatcher.Readiness, reads: ProxyFault.Way, writes: ProxyFault.Way) {
    if readiness.contains(.readable), lanes[reads]!.wantsBytes { read(reads) }
    if !isOver, readiness.contains(.writable), lanes[writes]!.wantsRoom { write(writes) }
    watch()
  }

  private func watch() {
    guard !isOver, let up = lanes[.toServer], let down = lanes[.toClient] else { return }
    clientWatcher?.watch(Self.interests(reading: up, writing: down))
    serverWatcher?.watch(Self.interests(reading: down, writing: up))
  }

  private static func interests(reading: Lane, writing: Lane) -> SocketWatcher.Readiness {
    var interests: SocketWatcher.Readiness = []
    if reading.wantsBytes { interests.insert(.readable) }
    if writing.wantsRoom { interests.insert(.writable) }
    return interests
  }

  private func read(_ way: ProxyFault.Way) {
    var piece = [UInt8](repeating: 0, count: fault == .halves ? 257 : 16 << 10)
    let count = piece.withUnsafeMutableBytes { recv(lanes[way]!.source, $0.baseAddress, $0.count, 0) }
    if count < 0 {
      if errno != EAGAIN, errno != EINTR { reset() }
      return
    }
    if count == 0 {
      lanes[way]!.hasFinished = true
      return finish(way)
    }
    guard !isDeaf(way) else { return }
    if case .loss(let many) = fault, way == .toClient {
      lanes[way]!.pending += what(isLeftOf: piece[..<count], losingOneIn: many)
    } else {
      lanes[way]!.pending += piece[..<count]
    }
    if case .delay(let most) = fault {
      hold(way, for: .milliseconds(UInt64.random(in: 0...most.wholeMilliseconds)))
    } else {
      write(way)
    }
  }

  /// Whole replies of Redis's, without messages that are lost.
  private func what(isLeftOf piece: ArraySlice<UInt8>, losingOneIn many: Int) -> [UInt8] {
    replies.append(piece)
    var left: [UInt8] = []
    while let reply = replies.next() {
      if RedisReplies.isMessage(reply), Int.random(in: 0..<many) == 0 { whenLost?() } else { left += reply }
    }
    return left
  }

  private func write(_ way: ProxyFault.Way) {
    guard let lane = lanes[way], lane.wantsRoom else { return }
    var most = lane.pending.count
    switch fault {
    case .none, .delay, .loss: break
    case .halves: most = max(1, most / 2)
    case .reset(let after):
      most = min(most, after - lanes.values.reduce(0) { $0 + $1.passed })
      if most <= 0 { return reset() }
    case .halfOpen(let deaf, let after, _):
      if deaf == way { most = min(most, after - lane.passed) }
      if most <= 0 {
        lanes[way]!.pending = []
        return finish(way)
      }
    }
    let count = lane.pending.withUnsafeBytes { send(lane.sink, $0.baseAddress, most, Int32(MSG_NOSIGNAL)) }
    if count < 0 {
      // Not connected yet, or full.
      if errno != EAGAIN, errno != EINTR { reset() }
      return
    }
    lanes[way]!.pending.removeFirst(count)
    lanes[way]!.passed += count
    if fault == .halves, !lanes[way]!.pending.isEmpty { return hold(way, for: .milliseconds(2)) }
    finish(way)
  }

  private func isDeaf(_ way: ProxyFault.Way) -> Bool {
    guard case .halfOpen(way, let after, _) = fault else { return false }
    return lanes[way]!.passed >= after
  }

  private func hold(_ way: ProxyFault.Way, for time: Duration) {
    lanes[way]!.isHeld = true
    lanes[way]!.timer = LoopTimer(after: time) { [weak self] in
      guard let self, !isOver else { return }
      lanes[way]!.isHeld = false
      write(way)
      watch()
    }
    watch()
  }

  /// Passes an end on, once all before it has passed.
  private func finish(_ way: ProxyFault.Way) {
    guard !isOver, let lane = lanes[way], lane.hasFinished, !lane.isShut, lane.pending.isEmpty, !isDeaf(way)
    else { return }
    lanes[way]!.isShut = true
    shutdown(lane.sink, Int32(SHUT_WR))
    guard lanes.values.allSatisfy(\.isShut) else { return }
    forget()
    close(client)
    close(server)
  }
}

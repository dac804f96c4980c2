import EventLoop
import Foundation
import Redis
import Support
import Testing

@Suite("A test's own bad network", .timeLimit(.minutes(1))) struct FaultyProxyTests {
  /// Asks a Redis behind the network to say something, and returns what came of it.
  @EventLoop
  private func echo(_ text: String, under fault: ProxyFault, patience: Duration = .seconds(30)) async throws -> String {
    let server = try await RedisServer.start()
    guard case .tcp(_, let port) = server.portEndpoint.address else { return "" }
    let proxy = try FaultyProxy(before: port) { fault }
    let socket = try await RawSocket.connect(to: proxy.port, patience: patience)
    defer {
      socket.close()
      proxy.close()
    }
    try await socket.send("ECHO \(text)\r\n")
    return String(decoding: try await socket.receive(until: "\(text)\r\n"), as: UTF8.self)
  }

  private let text = String(repeating: "word", count: 1000)

  @Test(
    "changes nothing where it is late or cuts into pieces",
    arguments: [.none, .delay(upTo: .milliseconds(5)), .halves, .loss(oneIn: 1)] as [ProxyFault])
  func pieces(_ fault: ProxyFault) async throws {
    #expect(try await echo(text, under: fault) == "$\(text.utf8.count)\r\n\(text)\r\n")
  }

  @Test("resets in the middle") func reset() async throws {
    await #expect(throws: RawSocket.Failure.reset) { try await echo(text, under: .reset(after: 6000)) }
  }

  @Test("goes deaf one way, and keeps both ends open for a while", arguments: [ProxyFault.Way.toServer, .toClient])
  func halfOpen(_ way: ProxyFault.Way) async throws {
    await #expect {
      try await echo(text, under: .halfOpen(way, after: 10, lasting: .seconds(20)), patience: .milliseconds(200))
    } throws: { error in
      if case RawSocket.Failure.timedOut = error { true } else { false }
    }
    await #expect(throws: RawSocket.Failure.reset) {
      try await echo(text, under: .halfOpen(way, after: 10, lasting: .milliseconds(200)))
    }
  }

  @Test("loses what Redis publishes, and no reply") @EventLoop
  func loss() async throws {
    let server = try await RedisServer.start()
    guard case .tcp(_, let port) = server.portEndpoint.address else { return }
    let proxy = try FaultyProxy(before: port) { .loss(oneIn: 1) }
    let socket = try await RawSocket.connect(to: proxy.port)
    try await socket.send("SUBSCRIBE a\r\n")
    #expect(String(decoding: try await socket.receive(until: ":1\r\n"), as: UTF8.self).contains("subscribe"))
    try await server.ask(RedisCommand("PUBLISH", "a", "first"))
    try await socket.send("PING\r\n")
    let pong = Array("*2\r\n$4\r\npong\r\n$0\r\n\r\n".utf8)
    #expect(try await socket.receive(exactly: pong.count) == pong)
    #expect(proxy.lost == 1)
    proxy.heal()
    try await server.ask(RedisCommand("PUBLISH", "a", "second"))
    let message = Array("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$6\r\nsecond\r\n".utf8)
    #expect(try await socket.receive(exactly: message.count) == message)
    socket.close()
    proxy.close()
  }

  @Test("resets who comes while there is no server, and passes an end on") @EventLoop
  func ends() async throws {
    let proxy = try FaultyProxy(before: nil)
    // While it connects, or just after.
    await #expect(throws: RawSocket.Failure.self) { try await RawSocket.connect(to: proxy.port).receive() }
    let server = try await RedisServer.start()
    guard case .tcp(_, let port) = server.portEndpoint.address else { return }
    proxy.target = port
    let socket = try await RawSocket.connect(to: proxy.port)
    try await socket.send("PING\r\nQUIT\r\n")
    #expect(try await socket.receiveToEnd() == Array("+PONG\r\n+OK\r\n".utf8))
    socket.close()
    proxy.close()
  }
}

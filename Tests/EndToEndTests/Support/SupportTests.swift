import EventLoop
import Redis
import Support
import Testing

@Suite("A test's own socket", .timeLimit(.minutes(1))) struct SupportTests {
  @Test("lets go of its wait when its test is cancelled, as by a time limit") @EventLoop
  func cancelledWait() async throws {
    let server = try await RedisServer.start()
    guard case .tcp(_, let port) = server.portEndpoint.address else { return }
    let socket = try await RawSocket.connect(to: port, patience: .seconds(600))
    let reading = Task { @EventLoop in try await socket.receive() }
    await pause(.milliseconds(20))
    reading.cancel()
    await #expect(throws: CancellationError.self) { try await reading.value }
    let late = Task { @EventLoop in try await socket.receive() }
    late.cancel()
    await #expect(throws: CancellationError.self) { try await late.value }
    // It can be used all the same.
    try await socket.send("PING\r\n")
    #expect(try await socket.receive(until: "\r\n") == Array("+PONG\r\n".utf8))
    socket.close()
  }
}

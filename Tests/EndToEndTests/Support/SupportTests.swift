import EventLoop
import Foundation
import Jobs
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

@Suite("A test's own client", .timeLimit(.minutes(1))) struct JobClientTests {
  /// Where the job ended before the gateway subscribed its submitter, no event tells it.
  @Test("sees what a subscription begins with that the gateway made by itself")
  func watchedSubmit() async throws {
    let fleet = try await Fleet(embedded: 1)
    do {
      let (_, port) = try await fleet.gateway()
      let gate = Gate(in: fleet.folder)
      gate.lift()
      let request =
        #"{"kind":"steps","payload":{"gate":"\#(gate.path)"},"idempotency_key":"k","watch":true}"#
      let isCompleted: @Sendable (JSONValue) -> Bool = { $0["state"]?.string == "completed" }
      let first = try await JobClient.connect(to: port, token: fleet.token())
      _ = try await first.rpc("job.submit", request)
      _ = try await first.event(where: isCompleted)
      let late = try await JobClient.connect(to: port, token: fleet.token())
      _ = try await late.rpc("job.submit", request)
      _ = try await late.event(where: isCompleted)
    } catch {
      await fleet.end()
      throw error
    }
    await fleet.end()
  }
}

@Suite("A test's own gate", .timeLimit(.minutes(1))) struct GateTests {
  @Test("lets all go on who wait, and all who come")
  func readers() async throws {
    let folder = TemporaryFolder()
    let gate = Gate(in: folder)
    func reader() throws -> SpawnedProcess {
      try SpawnedProcess(
        "/bin/sh", ["-c", #"echo here; read _ < "$0" && exit 7"#, gate.path], environment: [:])
    }
    let waiting = [try reader(), try reader()]
    for process in waiting { for await line in process.lines where line == "here" { break } }
    gate.lift()
    for process in waiting + [try reader()] { #expect(await process.ended() == 7) }
  }
}

import EventLoop
import Gateway
import Jobs
import Logging
import Support

extension SessionHarness {
  /// Runs `body` with a gateway that listens on a free port of the loopback.
  static func runServed(
    settings change: @Sendable (inout GatewaySettings) -> Void = { _ in },
    _ body: @EventLoop (SessionHarness, _ port: Int) async throws -> Void
  ) async throws {
    try await run(settings: change) { harness in
      let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
      let server = WebSocketServer(delegate: harness.gateway, logger: logger)
      do {
        try await body(harness, try server.listen(on: "127.0.0.1", port: 0))
      } catch {
        await server.shutdown()
        throw error
      }
      await server.shutdown()
    }
  }
}

/// A client of the protocol on a real socket: commands out, one object after the other in.
@EventLoop
final class SocketClient {
  let socket: WebSocketClient
  private var lines: [String] = []

  init(to port: Int) async throws { socket = try await WebSocketClient.connect(to: port) }

  /// Sends a message: commands, one a line.
  func say(_ commands: String...) async throws { try await socket.send(commands.joined(separator: "\n")) }

  /// The next object of the server's, whatever message it came in.
  func next() async throws -> JSONValue {
    while lines.isEmpty {
      guard case .text(let text) = try await socket.receive() else { throw Ended() }
      lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    return try json(lines.removeFirst())
  }

  /// Connects, and answers with the result.
  @discardableResult
  func connect(_ token: String) async throws -> JSONValue {
    try await say(#"{"id":1,"connect":{"token":"\#(token)"}}"#)
    return try await next()
  }

  /// The code and the words with which the server closes; what it says before is passed over.
  func closing() async throws -> (code: UInt16, reason: String) {
    while true {
      if case .close(let code, let reason) = try await socket.receive() {
        socket.socket.close()
        return (code, reason)
      }
    }
  }

  struct Ended: Error {}
}

import EventLoop
import Foundation
package import Redis
import Synchronization

/// A real Redis of a test's own: on a free port of the loopback and a socket in its own folder,
/// both kept across restarts. Ends with the object.
package actor RedisServer {
  package enum AppendOnly: String, Sendable { case no, everysec, always }

  /// Over the unix socket.
  package nonisolated let endpoint: RedisEndpoint
  /// Over the loopback.
  package nonisolated let portEndpoint: RedisEndpoint

  // Ends the server when the test process is gone, however that ended: then nobody holds the other
  // end of the standard input. The shell becomes the server and keeps its pid.
  private static let leash = """
    exec 3<&0
    { read -r _ <&3; kill -9 $$; } >/dev/null 2>&1 &
    exec redis-server "$@" 3<&-
    """

  private let folder = TemporaryFolder()
  private let arguments: [String]
  private var process: Process?
  private var leashEnd: FileHandle?

  /// Starts a server and returns when it accepts connections.
  package static func start(
    password: String? = nil, appendOnly: AppendOnly = .no, isCluster: Bool = false
  ) async throws -> RedisServer {
    var attempts = 5
    while true {
      let server = try RedisServer(
        password: password, appendOnly: appendOnly, isCluster: isCluster)
      do {
        try await server.restart()
        return server
      } catch {
        // Between looking for a free port and listening on it another may have taken it.
        attempts -= 1
        if attempts == 0 { throw error }
      }
    }
  }

  private init(password: String?, appendOnly: AppendOnly, isCluster: Bool) throws {
    var port = try Self.freePort()
    // Nodes of a cluster speak to each other 10 000 ports above.
    while isCluster, port > 55_535 { port = try Self.freePort() }
    let socket = folder.path + "/redis.sock"
    endpoint = RedisEndpoint(.unix(path: socket), password: password)
    portEndpoint = RedisEndpoint(.tcp(host: "127.0.0.1", port: port), password: password)
    var arguments = [
      "-c", Self.leash, "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket",
      socket, "--dir",
      folder.path, "--save", "", "--daemonize", "no", "--cluster-enabled", isCluster ? "yes" : "no",
    ]
    if appendOnly != .no {
      arguments += ["--appendonly", "yes", "--appendfsync", appendOnly.rawValue]
    }
    if let password { arguments += ["--requirepass", password] }
    self.arguments = arguments
  }

  deinit { if let process { Foundation.kill(process.processIdentifier, SIGKILL) } }

  /// Starts the server anew, on the same port and folder; returns when it accepts connections.
  package func restart() async throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = arguments
    let input = Pipe()
    process.standardInput = input
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    let ready = Promise()
    let text = Mutex("")
    output.fileHandleForReading.readabilityHandler = { handle in
      let bytes = handle.availableData
      guard !bytes.isEmpty else {
        handle.readabilityHandler = nil
        return ready.fulfil(false)
      }
      let output = text.withLock { text in
        text += String(decoding: bytes, as: UTF8.self)
        return text
      }
      // One line for the port, one for the socket, which comes last.
      if output.contains("The server is now ready to accept connections at") {
        ready.fulfil(true)
      } else if output.contains("Failed listening") {
        ready.fulfil(false)
      }
    }
    process.terminationHandler = { _ in ready.fulfil(false) }
    try process.run()
    guard await ready.value() else {
      struct Failure: Error { var output: String }
      throw Failure(output: text.withLock { $0 })
    }
    self.process = process
    leashEnd = input.fileHandleForWriting
  }

  /// Ends the server without a chance to say goodbye, and returns when it is gone.
  package func kill() async {
    guard let process else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    self.process = nil
    // Its end is seen where it matters: nobody listens. (A Process may tell late: other children
    // hold on to what it watches.)
    while await isListening() {}
    try? leashEnd?.close()
  }

  private nonisolated func isListening() async -> Bool {
    do {
      await (try RedisConnection.open(to: endpoint)).close()
      return true
    } catch {
      return error != .unavailable
    }
  }

  /// Stops the server where it is: sockets stay open, nothing answers.
  package func pause() { if let process { Foundation.kill(process.processIdentifier, SIGSTOP) } }

  /// Lets a stopped server go on.
  package func resume() { if let process { Foundation.kill(process.processIdentifier, SIGCONT) } }

  /// Asks the server something over a connection of its own.
  @discardableResult
  package nonisolated func ask(_ command: RedisCommand) async throws -> RedisValue {
    let connection = try await RedisConnection.open(to: endpoint)
    let answer = try await connection.send(command)
    await connection.close()
    return answer
  }

  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let code = bind(descriptor, address, length)
        return code == 0 ? getsockname(descriptor, address, &length) : code
      }
    }
    guard code == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}

/// A value that comes once and is waited for.
private final class Promise: Sendable {
  private enum State {
    case waiting([CheckedContinuation<Bool, Never>])
    case fulfilled(Bool)
  }
  private let state = Mutex(State.waiting([]))

  func fulfil(_ value: Bool) {
    let waiting = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
      guard case .waiting(let waiting) = state else { return [] }
      state = .fulfilled(value)
      return waiting
    }
    for continuation in waiting { continuation.resume(returning: value) }
  }

  func value() async -> Bool {
    await withCheckedContinuation { continuation in
      let value = state.withLock { state -> Bool? in
        switch state {
        case .fulfilled(let value): return value
        case .waiting(let waiting):
          state = .waiting(waiting + [continuation])
          return nil
        }
      }
      if let value { continuation.resume(returning: value) }
    }
  }
}

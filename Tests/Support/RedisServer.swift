import EventLoop
import Foundation
package import Redis

/// A real Redis of a test's own: on a free port of the loopback and a socket in its own folder,
/// both kept across restarts. Ends with the object.
package actor RedisServer {
  package enum AppendOnly: String, Sendable { case no, everysec, always }

  /// Over the unix socket.
  package nonisolated let endpoint: RedisEndpoint
  /// Over the loopback.
  package nonisolated let portEndpoint: RedisEndpoint

  // Ends the server when the test process is gone, however that ended: the input ends with it. The
  // shell becomes the server and keeps its pid. (Its own input is 3 there: a shell gives /dev/null to
  // what it starts in the background.)
  private static let leash = """
    exec 3<&0
    { cat <&3; kill -9 $$; } >/dev/null 2>&1 &
    exec redis-server "$@" 3<&- </dev/null
    """

  private let folder = TemporaryFolder()
  private let arguments: [String]
  private let environment: [String: String]
  private var process: SpawnedProcess?

  /// Starts a server and returns when it accepts connections; its files lie in `folder`, else in one of its
  /// own.
  package static func start(
    password: String? = nil, appendOnly: AppendOnly = .no, isCluster: Bool = false,
    clock: ShiftedClock? = nil, in folder: String? = nil
  ) async throws -> RedisServer {
    var attempts = 5
    while true {
      let server = try RedisServer(
        password: password, appendOnly: appendOnly, isCluster: isCluster, clock: clock, files: folder)
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

  private init(
    password: String?, appendOnly: AppendOnly, isCluster: Bool, clock: ShiftedClock?, files: String?
  ) throws {
    environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"].merging(clock?.environment ?? [:]) { $1 }
    var port = try FreePort.find()
    // Nodes of a cluster speak to each other 10 000 ports above.
    while isCluster, port > 55_535 { port = try FreePort.find() }
    let socket = folder.path + "/redis.sock"
    endpoint = RedisEndpoint(.unix(path: socket), password: password)
    portEndpoint = RedisEndpoint(.tcp(host: "127.0.0.1", port: port), password: password)
    var arguments = [
      "-c", Self.leash, "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket",
      socket, "--dir",
      files ?? folder.path, "--save", "", "--daemonize", "no", "--cluster-enabled", isCluster ? "yes" : "no",
    ]
    if appendOnly != .no {
      arguments += ["--appendonly", "yes", "--appendfsync", appendOnly.rawValue]
    }
    if let password { arguments += ["--requirepass", password] }
    self.arguments = arguments
  }

  deinit { process?.signal(SIGKILL) }

  /// It did not come up; with what it said.
  package struct DidNotStart: Error { package let output: String }

  /// Starts the server anew, on the same port and folder; returns when it accepts connections.
  package func restart() async throws {
    let process = try SpawnedProcess(
      "/bin/sh", arguments, environment: environment)
    self.process = process
    var output = ""
    for await line in process.lines {
      output += line + "\n"
      // One line for the port, one for the socket, which comes last.
      if line.contains("The server is now ready to accept connections at") { return }
    }
    throw DidNotStart(output: output)
  }

  /// Ends the server without a chance to say goodbye, and returns when it is gone.
  package func kill() async {
    process?.signal(SIGKILL)
    _ = await process?.ended()
    process = nil
  }

  /// Stops the server where it is: sockets stay open, nothing answers.
  package func pause() { process?.signal(SIGSTOP) }

  /// Lets a stopped server go on.
  package func resume() { process?.signal(SIGCONT) }

  /// Its address over the loopback, as a configuration names it.
  package nonisolated var url: String {
    guard case .tcp(let host, let port) = portEndpoint.address else {
      preconditionFailure("a test's Redis has no port")
    }
    return "redis://\(host):\(port)"
  }

  /// Asks the server something over a connection of its own.
  @discardableResult
  package nonisolated func ask(_ command: RedisCommand) async throws -> RedisValue {
    let connection = try await RedisConnection.open(to: endpoint)
    let answer = try await connection.send(command)
    await connection.close()
    return answer
  }
}

import EventLoop
import Foundation
import Jobs
import Support

/// A port at which several processes serve, as clients see it.
struct SharedPort {
  let port: Int
  let token: String

  /// The name of the process that a new socket comes to.
  @EventLoop func node() async throws -> String {
    let client = try await WebSocketClient.connect(to: port)
    defer { client.socket.close() }
    try await client.send(#"{"id":1,"connect":{"token":"\#(token)"}}"#)
    let reply = try JSONDocument(bytes: Array(try await client.nextText().utf8)).root
    guard let node = reply["connect"]?["data"]?["node"]?.string else {
      throw JobClient.Refused(reply: reply.text.description)
    }
    return node
  }

  /// The names that so many sockets come to.
  @EventLoop func nodes(of sockets: Int) async throws -> Set<String> {
    var nodes: Set<String> = []
    for _ in 0..<sockets { nodes.insert(try await node()) }
    return nodes
  }

  /// The status of an answer on a connection of its own.
  @EventLoop func status(of path: String) async throws -> Int {
    let socket = try await RawSocket.connect(to: port)
    defer { socket.close() }
    try await socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return try await socket.receiveAnswer().status
  }

  /// Connections of their own on which something was asked; the answers are still to be read.
  @EventLoop func ask(_ path: String, times: Int) async throws -> [RawSocket] {
    var sockets: [RawSocket] = []
    for _ in 0..<times {
      let socket = try await RawSocket.connect(to: port)
      try await socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
      sockets.append(socket)
    }
    return sockets
  }

  /// Whether a new connection is told that the node is ready; one that is refused or broken off is told otherwise.
  @EventLoop func isReady() async -> Bool {
    do { return try await status(of: "/readyz") == 200 } catch { return false }
  }

  /// Returns when nobody listens any more.
  @EventLoop func untilRefused() async throws {
    while true {
      do { try await RawSocket.connect(to: port).close() } catch RawSocket.Failure.cannotConnect(errno: ECONNREFUSED) {
        return
      } catch {
        // Reset: whoever had it ended in this moment.
      }
      try Task.checkCancellation()
      await EventLoop.pause(for: .milliseconds(10))
    }
  }
}

extension FanfareProcess {
  /// The names of its processes, of one that has several.
  var nodes: [String] {
    guard let line = banner.first(where: { $0.hasPrefix("  nodes") }) else { return [] }
    return line.dropFirst(10).components(separatedBy: ", ")
  }

  /// Stops the processes that have these names, and returns them when they accept nothing any more.
  @EventLoop static func stop(_ nodes: some Collection<String> & Sendable) async throws -> [pid_t] {
    let processes = nodes.compactMap { number(of: $0) }
    for process in processes {
      kill(process, SIGSTOP)
      while try !String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8).contains(") T ") {
        await EventLoop.pause(for: .milliseconds(1))
      }
    }
    return processes
  }

  /// The process that has such a name.
  static func number(of node: String) -> pid_t? { node.split(separator: "-").last.flatMap { pid_t($0) } }
}

/// Runs `fanfare` and gives what it printed and its status.
func fanfare(_ arguments: String...) async throws -> (text: String, status: Int32) {
  let process = try SpawnedProcess(
    FanfareProcess.binary, arguments,
    environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": NSTemporaryDirectory()])
  var lines: [String] = []
  for await line in process.lines { lines.append(line) }
  return (lines.joined(separator: "\n"), await process.ended())
}

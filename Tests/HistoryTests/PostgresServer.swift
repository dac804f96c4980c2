import Foundation
import Support

/// A PostgreSQL of a test's own, on a unix socket in a folder of its own. Ends with the object.
///
/// PostgreSQL does not run as root: where the tests do, it runs as the user `nobody`.
actor PostgresServer {
  struct DidNotStart: Error { let output: String }

  private nonisolated let folder = TemporaryFolder()
  private var process: SpawnedProcess?
  private let programs: String

  /// Where its programs are, in the newest version that Debian's packages have here; nil: there is none.
  static var programs: String? {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return versions.compactMap { Int($0) }.max().map { "\(root)/\($0)/bin" }
  }

  nonisolated var address: String { "postgres://history@localhost/postgres?host=\(folder.path)" }

  /// Makes a database and starts the server; returns when it accepts connections.
  static func start() async throws -> PostgresServer {
    guard let programs else { throw DidNotStart(output: "there is no PostgreSQL: scripts/install-dependencies --test") }
    let server = PostgresServer(programs)
    try await server.make()
    try await server.restart()
    return server
  }

  private init(_ programs: String) { self.programs = programs }

  private nonisolated var data: String { folder.path("data") }

  /// The command as a user who is not root.
  private func command(_ program: String, _ arguments: [String]) throws -> SpawnedProcess {
    let words = ["\(programs)/\(program)"] + arguments
    let environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": folder.path]
    guard getuid() == 0 else { return try SpawnedProcess(words[0], Array(words.dropFirst()), environment: environment) }
    return try SpawnedProcess(
      "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "--"] + words, environment: environment)
  }

  private func make() async throws {
    if getuid() == 0 {
      guard chown(folder.path, 65534, 65534) == 0 else { throw DidNotStart(output: "the folder cannot be given away") }
    }
    let process = try command("initdb", ["-D", data, "-U", "history", "-A", "trust", "-N", "--no-instructions"])
    var output: [String] = []
    for await line in process.lines { output.append(line) }
    guard await process.ended() == 0 else { throw DidNotStart(output: output.joined(separator: "\n")) }
  }

  func restart() async throws {
    let process = try command(
      "postgres", ["-D", data, "-k", folder.path, "-c", "listen_addresses=", "-c", "fsync=off"])
    self.process = process
    var output: [String] = []
    for await line in process.lines {
      output.append(line)
      if line.contains("ready to accept connections") { return }
    }
    throw DidNotStart(output: output.joined(separator: "\n"))
  }

  /// Ends it at once, and returns when it is gone.
  func kill() async {
    process?.signal(SIGQUIT)
    _ = await process?.ended()
    process = nil
  }

  deinit { process?.signal(SIGQUIT) }
}

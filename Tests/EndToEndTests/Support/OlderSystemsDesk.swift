import Foundation
import Support

/// A gateway that serves older systems, each at a port of its own, and a shell in which their callers' commands reach it:
/// `http://localhost:8888` is where the Demucs queue is, whatever port it has here, and a token goes along.
final class OlderSystemsDesk: Sendable {
  let banner: [String]
  private let folder: TemporaryFolder
  /// By the port that callers know.
  private let ports: [Int: Int]
  /// What the callers' shell has in its environment.
  private let variables: [String: String]

  private static let known = [
    "demucs": 8888, "video_generator": 5000, "ffmpeg_api": 8000, "transcription": 8002, "clipforge": 8000,
  ]

  private init(banner: [String], folder: TemporaryFolder, ports: [Int: Int], variables: [String: String]) {
    self.banner = banner
    self.folder = folder
    self.ports = ports
    self.variables = variables
  }

  /// Starts a gateway with these systems and two workers, and lets `body` work with it. What is in `variables` the
  /// callers' shell has too.
  static func open(
    _ names: [String], environment: [String: String] = [:], variables: [String: String] = [:],
    in folder: TemporaryFolder = TemporaryFolder(), _ body: (OlderSystemsDesk) async throws -> Void
  ) async throws {
    let media = try await makeMedia(in: folder)
    let files = try await FileServer.start(in: folder.path)
    var environment = environment.merging(variables) { $1 }
    environment["FANFARE_WORKERS_FFMPEG_ALLOW_PRIVATE_ADDRESSES"] = "true"
    environment["FANFARE_ADMISSION_REQUESTS"] = "10000"
    environment["FANFARE_BROKER_FOLDER"] = folder.path("state")
    environment["FANFARE_WORKERS_SLIDESHOW_ENABLED"] = "true"
    let own = try FreePort.find()
    environment["FANFARE_GATEWAY_PORT"] = "\(own)"
    // The port of the transcription service's main API.
    var ports = [8000: own]
    for name in names {
      let port = try FreePort.find()
      environment["FANFARE_COMPATIBILITY_\(name.uppercased())_ENABLED"] = "true"
      environment["FANFARE_COMPATIBILITY_\(name.uppercased())_PORT"] = "\(port)"
      ports[known[name] ?? 0] = port
    }
    let gateway = try await FanfareProcess.start(["serve"], environment: environment, until: "token")
    let desk = OlderSystemsDesk(
      banner: await gateway.banner, folder: folder, ports: ports,
      variables: media.merging([
        "FILES": "http://127.0.0.1:\(files.port)", "PYTHON": PythonServer.interpreter,
        "PYTHON_FOLDERS": ProcessInfo.processInfo.environment["PATH"] ?? "",
      ]) { $1 }.merging(variables) { $1 })
    do { try await body(desk) } catch {
      await gateway.end()
      await files.end()
      throw error
    }
    await gateway.end()
    await files.end()
  }

  private static func makeMedia(in folder: TemporaryFolder) async throws -> [String: String] {
    let made = [
      (
        "VIDEO", "video.mp4",
        [
          "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=1", "-f", "lavfi", "-i", "sine=duration=1",
          "-shortest",
        ]
      ),
      ("IMAGE", "image.png", ["-f", "lavfi", "-i", "testsrc=size=320x200", "-frames:v", "1"]),
      ("SOUND", "sound.mp3", ["-f", "lavfi", "-i", "sine=duration=4"]),
    ]
    var media: [String: String] = ["FOLDER": folder.path]
    for (name, file, arguments) in made {
      media[name] = folder.path(file)
      let process = try SpawnedProcess(
        "/usr/bin/env", ["ffmpeg", "-v", "error", "-nostdin"] + arguments + [folder.path(file)],
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"])
      for await line in process.lines { print("ffmpeg: \(line)") }
      guard await process.ended() == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
    return media
  }

  /// A token of the gateway's development key.
  private func token(_ user: String, _ scopes: [String]) async throws -> String {
    let words = ["token", "--user", user, "--folder", folder.path("state")] + scopes.flatMap { ["--scope", $0] }
    return try await run(FanfareProcess.binary, words, [:]).lines.first ?? ""
  }

  /// Types commands into bash; answers what is printed, and how it ends.
  func type(
    _ commands: String, as user: String = "alice", scopes: [String] = []
  ) async throws -> (lines: [String], status: Int32) {
    // Host and token are all that a caller changes, and where the input lies: nobody here reaches example.com.
    let curl = """
      set -euo pipefail
      curl() {
        local words=()
        for word in "$@"; do
          word=${word//https:\\/\\/example.com\\/video*([0-9]).mp4/$FILES/video.mp4}
          \(ports.map { "word=${word/http:\\/\\/localhost:\($0.key)/http:\\/\\/127.0.0.1:\($0.value)}" }.joined(separator: "\n"))
          words+=("$word")
        done
        command curl -sS -H "Authorization: Bearer $TOKEN" "${words[@]}"
        case "$*" in *-s*) ;; *) echo ;; esac
      }
      shopt -s extglob
      python() { PATH="$PYTHON_FOLDERS" command "$PYTHON" "$@"; }

      """
    return try await run(
      "/usr/bin/env", ["bash", "-c", curl + commands],
      variables.merging(["TOKEN": try await token(user, scopes)]) { $1 })
  }

  /// Runs a program of the browser's `fetch` in Node, whose page lies at the system's port.
  func script(
    _ text: String, port: Int, as user: String, scopes: [String]
  ) async throws -> (lines: [String], status: Int32) {
    let prelude = """
      const native = globalThis.fetch
      globalThis.fetch = (path, options = {}) => native(`http://127.0.0.1:\(ports[port] ?? 0)${path}`, {
        ...options, headers: { ...options.headers, authorization: `Bearer ${process.env.TOKEN}` }
      })

      """
    let file = try folder.write(prelude + text, to: "script.mjs")
    return try await run("/usr/bin/env", ["node", file], ["TOKEN": try await token(user, scopes)])
  }

  private func run(
    _ program: String, _ arguments: [String], _ environment: [String: String]
  ) async throws -> (lines: [String], status: Int32) {
    let process = try SpawnedProcess(
      program, arguments,
      environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder.path].merging(environment) { $1 })
    var lines: [String] = []
    for await line in process.lines where !line.isEmpty { lines.append(line) }
    return (lines, await process.ended())
  }
}

/// Python's server of files, for inputs that are fetched.
actor FileServer {
  let port: Int
  private let process: SpawnedProcess

  private init(_ process: SpawnedProcess, port: Int) {
    self.process = process
    self.port = port
  }

  static func start(in folder: String) async throws -> FileServer {
    let process = try SpawnedProcess(
      "/usr/bin/env", ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, "0"],
      environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"])
    for await line in process.lines {
      if let port = line.firstMatch(of: /port (\d+)/).flatMap({ Int($0.1) }) { return FileServer(process, port: port) }
    }
    throw CocoaError(.executableLoad)
  }

  func end() async {
    process.signal(SIGTERM)
    _ = await process.ended()
  }
}

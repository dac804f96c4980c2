import Foundation

/// A file system of a test's own, in memory and small: what it refuses, a full disk refuses.
///
/// A process of its own mounts it where only that process sees it, and this one reaches it through `/proc`:
/// no mount is left behind, and root is not needed where the kernel lets users have namespaces of their own.
package actor SmallDisk {
  /// Nothing can be mounted here; with what was said.
  package struct CannotMount: Error { package let output: String }

  private let folder = TemporaryFolder()
  private let holder: SpawnedProcess
  /// Where it is reached from here.
  package nonisolated let path: String
  /// Where a program finds it that is started behind these words.
  package nonisolated let inside: (words: [String], path: String)
  private nonisolated var ballast: String { path + "/ballast" }

  /// Whether this machine lets a test mount one.
  package static func isPossible() async -> Bool { (try? await SmallDisk(bytes: 1 << 20)) != nil }

  package init(bytes: Int) async throws {
    let mount = #"mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec cat"#
    let attempts = [
      (leave: ["--mount", "--map-root-user"], enter: ["--user", "--preserve-credentials", "--mount"]),
      (leave: ["--mount"], enter: ["--mount"]),
    ]
    var output = ""
    for attempt in attempts {
      let holder = try SpawnedProcess(
        "/usr/bin/env", ["unshare"] + attempt.leave + ["/bin/sh", "-c", mount, "sh", "\(bytes)", folder.path],
        environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
      for await line in holder.lines {
        if line == "mounted" {
          self.holder = holder
          path = "/proc/\(holder.pid)/root\(folder.path)"
          inside = (["nsenter", "--target", "\(holder.pid)"] + attempt.enter + ["--"], folder.path)
          return
        }
        output += line + "\n"
      }
    }
    throw CannotMount(output: output)
  }

  deinit { holder.signal(SIGKILL) }

  /// Takes all the room there is.
  package nonisolated func fill() throws {
    let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard file >= 0 else { throw POSIXError(.EIO) }
    defer { close(file) }
    let piece = [UInt8](repeating: 0x2E, count: 4096)
    while write(file, piece, piece.count) == piece.count {}
    guard errno == ENOSPC else { throw POSIXError(.EIO) }
  }

  /// Gives back what ``fill()`` took.
  package nonisolated func makeRoom() throws { try FileManager.default.removeItem(atPath: ballast) }
}

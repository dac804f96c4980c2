import EventLoop
import Foundation
import Jobs
import Synchronization

/// Fetches a small document by `curl`, as a child of this process: what the gateway asks of others now and then.
///
/// A fetch costs a process, some ten milliseconds of a core, and never the event loop. No proxy, no redirection, no
/// configuration file and no other protocol is heard; certificates are checked by curl.
package struct DocumentFetcher: Sendable {
  /// What went wrong with a fetch.
  package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
  }

  private let size: Int
  private let time: Duration
  private let program: String

  /// At most `size` bytes in at most `time`.
  package init(size: Int = 256 << 10, time: Duration = .seconds(5), program: String = "curl") {
    self.size = size
    self.time = time
    self.program = program
  }

  /// The document at an http or https address. Throws ``Fault`` for anything but a 200 within the limits.
  package func fetch(_ address: String) async throws(Fault) -> [UInt8] {
    let output = Mutex<[UInt8]>([])
    let errors = Mutex(LineSplitter(limit: 8 << 10))
    let status = Mutex("")
    let command = ChildCommand(
      program,
      [
        // The first argument, or it is not heard: no ~/.curlrc.
        "--disable", "--silent", "--globoff", "--noproxy", "*", "--proto", "=http,https", "--max-redirs", "0",
        "--max-time", "\(time.inSeconds)", "--connect-timeout", "\(time.inSeconds)", "--max-filesize", "\(size)",
        "--write-out", "%{stderr}\n%{http_code}\n", "--url", address,
      ], folder: "/", outputLimit: size + (16 << 10), timeLimit: time + .seconds(2))
    let child = ChildProcess(
      command, environment: ["PATH": ChildCommand.path, "LANG": "C.UTF-8"], grace: .seconds(1), orphanGuard: nil)
    let exit: ChildExit
    do throws(ChildProcessError) {
      exit = try await child.run(
        onOutput: { bytes in output.withLock { $0 += bytes } },
        onError: { bytes in
          for line in errors.withLock({ $0.feed(bytes) }) { status.withLock { $0 = line } }
        })
    } catch {
      throw Fault(description: "\(error)")
    }
    guard exit == .status(0) else { throw Fault(description: "curl ended with \(exit)") }
    guard status.withLock({ $0 }) == "200" else {
      throw Fault(description: "it was answered with \(status.withLock { $0 })")
    }
    let document = output.withLock { $0 }
    guard document.count <= size else { throw Fault(description: "it has more than \(size) bytes") }
    return document
  }
}

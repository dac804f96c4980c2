import EventLoop
import Jobs
import Synchronization

/// Brings a job's input to a file of this machine.
///
/// Uploads are read where they lie. Web addresses are fetched by `curl` as a child of the job, into
/// its folder: the address that was checked is the one that is connected to (`--resolve`), each
/// redirection is checked anew, and no proxy, no other protocol and no configuration file is heard.
package struct InputFetcher: Sendable {
  /// What may be fetched.
  package struct Limits: Hashable, Sendable {
    /// Whether addresses of private networks and of this machine may be fetched from.
    package var allowsPrivateAddresses: Bool
    /// The most bytes of an input.
    package var size: Int
    /// The longest a fetch may take.
    package var time: Duration
    package var redirections: Int

    package init(
      allowsPrivateAddresses: Bool = false, size: Int = 4 << 30, time: Duration = .seconds(600),
      redirections: Int = 3
    ) {
      self.allowsPrivateAddresses = allowsPrivateAddresses
      self.size = size
      self.time = time
      self.redirections = redirections
    }
  }

  package var limits: Limits
  /// The program that fetches: a name or an absolute path.
  package var program: String

  package init(_ limits: Limits = Limits(), program: String = "curl") {
    self.limits = limits
    self.program = program
  }

  /// The path of the input's file. Throws ``PayloadFault`` where the submitter is to blame,
  /// ``Jobs/JobFailure`` where another attempt may succeed.
  func fetch(_ input: InputReference, for job: JobContext) async throws -> String {
    switch input {
    case .upload(let id):
      guard let found = try await job.store.upload(id, of: job.job.user) else {
        throw PayloadFault("/input", "names no upload of yours")
      }
      return found.path
    case .address(let address):
      job.report(Progress(stage: "fetching"))
      let path = "\(try await job.folder())/.input"
      try await download(address, to: path, for: job)
      return path
    }
  }

  private func download(
    _ first: InputAddress, to path: String, for job: JobContext
  ) async throws {
    var address = first
    for _ in 0...limits.redirections {
      let target = try await checked(address)
      guard let redirection = try await transfer(address, at: target, to: path, for: job) else {
        return
      }
      do throws(PayloadFault) {
        address = try InputAddress(redirection)
      } catch {
        throw PayloadFault("/input", "leads to an address that may not be fetched")
      }
    }
    throw PayloadFault("/input", "leads on more than \(limits.redirections) times")
  }

  /// The address to connect to.
  private func checked(_ address: InputAddress) async throws -> NetworkAddress {
    let addresses = await NetworkAddress.addresses(of: address.host)
    guard let first = addresses.first else {
      throw JobFailure(code: "fetch_failed", message: "The input's host cannot be found.")
    }
    guard limits.allowsPrivateAddresses || addresses.allSatisfy(\.isPublic) else {
      throw PayloadFault("/input", "leads to a private address")
    }
    return first
  }

  /// Nil when the file is there; else where the answer leads on to.
  private func transfer(
    _ address: InputAddress, at target: NetworkAddress, to path: String, for job: JobContext
  ) async throws -> String? {
    let file = try InputFile(path)
    let lastWords = Mutex("")
    let errors = Mutex(LineSplitter(limit: 8 << 10))
    let exit: ChildExit
    do {
      exit = try await job.runRaw(
        ChildCommand(
          program,
          [
            // The first argument, or it is not heard: no ~/.curlrc.
            "--disable", "--silent", "--show-error", "--globoff", "--noproxy", "*",
            "--proto", "=http,https", "--max-redirs", "0", "--max-time", "\(limits.time.inSeconds)",
            "--connect-timeout", "20", "--max-filesize", "\(limits.size)",
            "--resolve", "\(hostForCurl(address)):\(address.port):\(target.text)",
            "--write-out", "%{stderr}\n%{http_code} %{redirect_url}\n", "--url", address.text,
          ], outputLimit: limits.size + (64 << 10)),
        // Written by us and not by curl, which lets an answer without a length grow over the limit.
        onOutput: { file.write($0) },
        onError: { bytes in
          for line in errors.withLock({ $0.feed(bytes) }) { lastWords.withLock { $0 = line } }
        })
    } catch ChildProcessError.tooMuchOutput {
      throw PayloadFault("/input", "has more than \(limits.size) bytes")
    }
    let size = try file.close()
    let text = lastWords.withLock { $0 }
    guard exit == .status(0) else {
      // 63: the length that the server announced is over --max-filesize.
      if exit == .status(63) { throw PayloadFault("/input", "has more than \(limits.size) bytes") }
      throw JobFailure(
        code: "fetch_failed", message: "The input cannot be fetched (curl ended with \(exit)).")
    }
    let parts = text.split(separator: " ", maxSplits: 1)
    switch parts.first.flatMap({ Int($0) }) {
    case 200?:
      if size > limits.size { throw PayloadFault("/input", "has more than \(limits.size) bytes") }
      return nil
    case 301?, 302?, 303?, 307?, 308?:
      guard parts.count == 2 else { throw PayloadFault("/input", "leads nowhere") }
      return String(parts[1])
    case let status?:
      let failure = JobFailure(
        code: "fetch_failed", message: "The input's server answered \(status).")
      // A server that has not got it will not have it in a minute either.
      if (400..<500).contains(status), status != 408, status != 429 {
        throw PayloadFault("/input", "was answered with \(status)")
      }
      throw failure
    case nil: throw JobFailure(code: "fetch_failed", message: "The input's server did not answer.")
    }
  }

  private func hostForCurl(_ address: InputAddress) -> String {
    address.host.contains(":") ? "[\(address.host)]" : address.host
  }
}

import Jobs
import Web

/// Brings a job's input to a file of this machine.
///
/// Uploads are read where they lie. Web addresses are fetched into the job's folder: what the host's name leads to is
/// judged as it is connected to, and each redirection is judged anew. The end of the run ends the transfer.
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

  package init(_ limits: Limits = Limits()) {
    self.limits = limits
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
      try await download(address, to: path)
      return path
    }
  }

  /// Off the caller's thread: files are written.
  @concurrent
  private func download(_ address: WebAddress, to path: String) async throws {
    let file = try InputFile(path)
    do {
      let answer = try await HTTPClient().open(HTTPRequest(.get, address, limits: transferLimits))
      try judge(answer.head.status)
      while let piece = try await answer.next() { try file.write(piece) }
    } catch let error as HTTPError {
      throw fault(error)
    }
  }

  private var transferLimits: HTTPLimits {
    HTTPLimits(
      addresses: limits.allowsPrivateAddresses ? .any : .publicOnly(), time: limits.time,
      stallTime: .seconds(120), size: limits.size,
      redirections: limits.redirections)
  }

  private func judge(_ status: Int) throws {
    if status == 200 { return }
    // A server that has not got it will not have it in a minute either.
    if (400..<500).contains(status), status != 408, status != 429 {
      throw PayloadFault("/input", "was answered with \(status)")
    }
    throw JobFailure(code: "fetch_failed", message: "The input's server answered \(status).")
  }

  private func fault(_ error: HTTPError) -> any Error {
    switch error {
    case .privateAddress: PayloadFault("/input", "leads to a private address")
    case .tooLarge(let limit): PayloadFault("/input", "has more than \(limit) bytes")
    case .tooManyRedirections(let limit): PayloadFault("/input", "leads on more than \(limit) times")
    case .leadsNowhere: PayloadFault("/input", "leads nowhere")
    case .leadsAstray: PayloadFault("/input", "leads to an address that may not be fetched")
    case .cancelled: CancellationError()
    case .hostNotFound: JobFailure(code: "fetch_failed", message: "The input's host cannot be found.")
    case .cannotConnect, .untrusted, .connectTimedOut, .timedOut, .stalled, .interrupted, .unreadableBody:
      JobFailure(code: "fetch_failed", message: "The input cannot be fetched: \(error).")
    }
  }
}

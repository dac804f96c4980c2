import Foundation

/// What is asked of a server.
package struct HTTPRequest: Sendable {
  package enum Method: String, Sendable {
    case get = "GET", head = "HEAD", put = "PUT", post = "POST", delete = "DELETE"
  }

  /// What is sent. Whatever its size, some 64 KiB of it are in memory.
  package enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// `length` bytes of a file from `offset`, read on the thread of all transfers: they should be in the page cache.
    case file(ReadableFile, offset: Int, length: Int)

    package var count: Int {
      switch self {
      case .none: 0
      case .bytes(let bytes): Int(bytes.count)
      case .file(_, _, let length): length
      }
    }
  }

  package var method: Method
  package var address: WebAddress
  /// Without `host`, `content-length` and `expect`, which are libcurl's.
  package var headers: [(name: String, value: String)]
  package var body: Body
  package var limits: HTTPLimits
  /// Nil: the request is not signed.
  package var signature: AmazonSignature?

  package init(
    _ method: Method = .get, _ address: WebAddress, headers: [(name: String, value: String)] = [],
    body: Body = .none, limits: HTTPLimits = HTTPLimits(), signature: AmazonSignature? = nil
  ) {
    self.method = method
    self.address = address
    self.headers = headers
    self.body = body
    self.limits = limits
    self.signature = signature
  }
}

/// What a transfer may cost, and where it may lead.
package struct HTTPLimits: Hashable, Sendable {
  /// Which addresses are connected to. Judged when the socket is made, after the name was looked up: a name that leads
  /// elsewhere a second time (DNS rebinding) leads nowhere.
  package enum Addresses: Hashable, Sendable {
    case any
    /// Those of the public network (``NetworkAddress/isPublic``), and these.
    case publicOnly(except: Set<NetworkAddress> = [])

    func allow(_ address: NetworkAddress) -> Bool {
      switch self {
      case .any: true
      case .publicOnly(let exceptions): address.isPublic || exceptions.contains(address)
      }
    }
  }

  package var addresses: Addresses
  /// The longest from the start to the connection, TLS included.
  package var connectTime: Duration
  /// The longest of one exchange from its start to its last byte; nil: as long as something moves.
  package var time: Duration?
  /// The longest without a byte, either way. While we hold the answer back it does not count. In whole seconds.
  package var stallTime: Duration
  /// The most bytes of an answer's body; nil: any number.
  package var size: Int?
  /// How often an answer may lead on to another address, each checked as the first was; 0: such answers are answers.
  package var redirections: Int

  package init(
    addresses: Addresses = .publicOnly(), connectTime: Duration = .seconds(20), time: Duration? = nil,
    stallTime: Duration = .seconds(60), size: Int? = nil, redirections: Int = 0
  ) {
    self.addresses = addresses
    self.connectTime = connectTime
    self.time = time
    self.stallTime = stallTime
    self.size = size
    self.redirections = redirections
  }
}

/// Signs a request as Amazon's services ask for (Signature Version 4); libcurl does it.
///
/// libcurl 7.88 signs rightly what has its query sorted by name, each name with `=`, and a header
/// `x-amz-content-sha256`: the caller sees to it.
package struct AmazonSignature: Hashable, Sendable {
  package var region: String
  package var service: String
  package var accessKey: String
  package var secretKey: String

  package init(region: String, service: String, accessKey: String, secretKey: String) {
    self.region = region
    self.service = service
    self.accessKey = accessKey
    self.secretKey = secretKey
  }
}

/// A file that is open to be read from, by anybody, at any place.
package final class ReadableFile: Sendable {
  let descriptor: Int32
  /// In bytes, when it was opened.
  package let size: Int

  /// Opens a plain file; nil where there is none, `errno` says why. A link at the path's end is not followed.
  package init?(_ path: String) {
    descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      size = 0
      return nil
    }
    size = Int(status.st_size)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Up to `count` bytes from `offset` into `buffer`; 0 at the end, negative for a fault, which `errno` tells.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    while true {
      let count = pread(descriptor, buffer.baseAddress, buffer.count, offset)
      if count >= 0 || errno != EINTR { return count }
    }
  }
}

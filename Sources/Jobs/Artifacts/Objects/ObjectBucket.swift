import Foundation
package import Web

/// A bucket of an S3-compatible store.
///
/// Requests are signed (Signature Version 4, the SHA-256 of the body with it), answered within times, and tried again
/// with growing pauses where another try may go well. Nothing of a body is kept in memory but what passes.
package struct ObjectBucket: Sendable {
  package struct Settings: Hashable, Sendable {
    package var name: String
    /// `https://host` or `http://host:port`; empty: Amazon's of the region.
    package var endpoint: String
    package var region: String
    package var accessKey: String
    package var secretKey: String
    /// What all keys begin with.
    package var prefix: String
    /// Whether the bucket stands in the path of addresses, not before the host.
    package var isPathStyle: Bool
    /// Bytes of a part; larger files are put part by part.
    package var partSize: Int
    /// The longest without a byte.
    package var stallTime: Duration
    package var allowsPrivateAddresses: Bool
    /// How often a request is sent at most.
    package var attempts = 5
    /// Before the second time; doubled each time.
    package var firstPause = Duration.milliseconds(200)

    package init(
      name: String, endpoint: String = "", region: String = "us-east-1", accessKey: String, secretKey: String,
      prefix: String = "", isPathStyle: Bool = false, partSize: Int = 16 << 20,
      stallTime: Duration = .seconds(30), allowsPrivateAddresses: Bool = false
    ) {
      self.name = name
      self.endpoint = endpoint
      self.region = region
      self.accessKey = accessKey
      self.secretKey = secretKey
      self.prefix = prefix
      self.isPathStyle = isPathStyle
      self.partSize = partSize
      self.stallTime = stallTime
      self.allowsPrivateAddresses = allowsPrivateAddresses
    }
  }

  package let settings: Settings
  /// What stands before a key in an address, with its last slash.
  private let root: String
  private let client = HTTPClient()

  /// Throws where the endpoint is no address.
  package init(_ settings: Settings) throws(WebAddress.Fault) {
    self.settings = settings
    var endpoint = settings.endpoint
    if endpoint.isEmpty { endpoint = "https://s3.\(settings.region).amazonaws.com" }
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    if settings.isPathStyle {
      root = "\(endpoint)/\(ObjectKey.encoded(settings.name))/"
    } else {
      root = endpoint.replacing("://", with: "://\(settings.name).", maxReplacements: 1) + "/"
    }
    _ = try WebAddress(root)
  }

  /// `s3://bucket/key`, as other programs name an object.
  package func location(of key: String) -> String { "s3://\(settings.name)/\(key)" }

  // MARK: Requests

  static let digestOfNothing = RunningDigest.hexadecimal(of: [])

  /// `query` is encoded, and sorted as signatures need it. `size` is the most bytes of the answer.
  func request(
    _ method: HTTPRequest.Method, _ key: String = "", query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: HTTPRequest.Body = .none,
    digest: String = digestOfNothing, size: Int? = 4 << 20, time: Duration? = nil
  ) -> HTTPRequest {
    let encoded = query.map { "\(ObjectKey.encoded($0.name))=\(ObjectKey.encoded($0.value))" }.sorted()
    let text =
      root
      + key.split(separator: "/", omittingEmptySubsequences: false).map { ObjectKey.encoded($0) }
      .joined(separator: "/") + (encoded.isEmpty ? "" : "?" + encoded.joined(separator: "&"))
    let address: WebAddress
    do throws(WebAddress.Fault) { address = try WebAddress(text) } catch {
      preconditionFailure("an object's address is none of the web: \(error)")
    }
    return HTTPRequest(
      method, address, headers: headers + [("x-amz-content-sha256", digest)], body: body,
      limits: HTTPLimits(
        addresses: settings.allowsPrivateAddresses ? .any : .publicOnly(), connectTime: .seconds(10), time: time,
        stallTime: settings.stallTime, size: size),
      signature: AmazonSignature(
        region: settings.region, service: "s3", accessKey: settings.accessKey, secretKey: settings.secretKey))
  }

  /// An answer with one of these statuses. `check` may find fault with one.
  func answer(
    to request: HTTPRequest, _ operation: ObjectFault.Operation, expecting statuses: Set<Int>,
    attempts: Int? = nil, check: (HTTPAnswer) -> ObjectFault? = { _ in nil }
  ) async throws(ObjectFault) -> HTTPAnswer {
    try await retrying(attempts ?? settings.attempts) { () async throws(ObjectFault) in
      let answer: HTTPAnswer
      do throws(HTTPError) { answer = try await client.send(request) } catch { throw ObjectFault(operation, error) }
      guard statuses.contains(answer.status) else { throw ObjectFault(operation, answer) }
      if let fault = check(answer) { throw fault }
      return answer
    }
  }

  private func retrying<Value>(
    _ attempts: Int, _ body: () async throws(ObjectFault) -> Value
  ) async throws(ObjectFault) -> Value {
    var pause = settings.firstPause
    for _ in 1..<max(1, attempts) {
      do throws(ObjectFault) { return try await body() } catch {
        guard error.mayPass else { throw error }
      }
      do { try await Task.sleep(for: pause * Double.random(in: 0.75...1.25)) } catch { throw .cancelled }
      pause = min(pause * 2, .seconds(10))
    }
    return try await body()
  }

  // MARK: Objects

  /// A small object whole; nil where there is none.
  func small(_ key: String) async throws(ObjectFault) -> [UInt8]? {
    let answer = try await answer(to: request(.get, key), "give an object", expecting: [200, 404])
    // A bucket that is not there is no object that is not there.
    if answer.status == 404, case let fault = ObjectFault("give an object", answer) {
      guard case .refused(_, _, "NoSuchKey") = fault else { throw fault }
      return nil
    }
    return answer.body
  }

  /// Puts an object from memory; it is visible when this returns, whole, in place of an earlier one.
  func put(_ bytes: [UInt8], as key: String, contentType: String) async throws(ObjectFault) {
    _ = try await answer(
      to: request(
        .put, key, headers: [("content-type", contentType)], body: .bytes(bytes),
        digest: RunningDigest.hexadecimal(of: bytes)), "put an object", expecting: [200])
  }

  /// Puts a part of a file, or all of it; answers with its tag.
  func put(
    _ file: ReadableFile, offset: Int, length: Int, as key: String,
    query: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = []
  ) async throws(ObjectFault) -> String {
    let digest = try await digest(of: file, offset: offset, length: length)
    let answer = try await answer(
      to: request(
        .put, key, query: query, headers: headers, body: .file(file, offset: offset, length: length),
        digest: digest), "put an object", expecting: [200])
    guard let tag = answer.head["etag"] else { throw .unreadable("put an object") }
    return tag
  }

  /// Reads what is to be sent once before, so that it lies in the page cache when the thread of transfers reads it.
  @concurrent
  private func digest(of file: ReadableFile, offset: Int, length: Int) async throws(ObjectFault) -> String {
    let digest = RunningDigest()
    var buffer = [UInt8](repeating: 0, count: min(length, 256 << 10))
    var done = 0
    while done < length {
      let wanted = min(buffer.count, length - done)
      let count = buffer.withUnsafeMutableBytes {
        file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<wanted]), at: offset + done)
      }
      guard count > 0 else {
        throw .unreadableFile(reason: count == 0 ? "it has become shorter" : String(cString: strerror(errno)))
      }
      if count < buffer.count { digest.update(Array(buffer[..<count])) } else { digest.update(buffer) }
      done += count
      if Task.isCancelled { throw .cancelled }
    }
    return digest.hexadecimal()
  }

  /// Part of an object, as it comes; nil where there is none, or another than that of this tag.
  func open(
    _ key: String, tag: String, offset: Int, length: Int
  ) async throws(ObjectFault) -> HTTPDownload? {
    let operation = "give an object"
    let request = request(
      .get, key, headers: [("if-match", tag), ("range", "bytes=\(offset)-\(offset + length - 1)")], size: nil)
    return try await retrying(settings.attempts) { () async throws(ObjectFault) in
      let download: HTTPDownload
      do throws(HTTPError) { download = try await client.open(request) } catch { throw ObjectFault(operation, error) }
      switch download.head.status {
      case 206 where download.head.contentLength == length: return download
      case 200 where offset == 0 && download.head.contentLength == length: return download
      case 404, 412: return nil
      case 200, 206: throw .unreadable(operation)
      case let status: throw .refused(operation, status: status, code: "")
      }
    }
  }

  /// Harmless where there is none.
  func remove(_ key: String) async throws(ObjectFault) {
    _ = try await answer(to: request(.delete, key), "remove an object", expecting: [200, 204, 404])
  }

  // MARK: Lists

  /// One object of a list.
  struct Entry: Hashable, Sendable {
    var key: String
    var modifiedAt: Timestamp
  }

  /// The objects whose keys begin so, at most 1000; `next` is to be given for those after them.
  func list(
    _ prefix: String, after continuation: String? = nil
  ) async throws(ObjectFault) -> (entries: [Entry], next: String?) {
    let operation = "list objects"
    var query = [("list-type", "2"), ("prefix", prefix)]
    if let continuation { query.append(("continuation-token", continuation)) }
    let document = FlatXML(try await answer(to: request(.get, query: query), operation, expecting: [200]).body)
    var entries: [Entry] = []
    for entry in document.elements("Contents") {
      guard let key = entry.first("Key"), let time = entry.first("LastModified").flatMap(Self.time) else {
        throw .unreadable(operation)
      }
      entries.append(Entry(key: key, modifiedAt: time))
    }
    guard document.first("IsTruncated") == "true" else { return (entries, nil) }
    guard let next = document.first("NextContinuationToken") else { throw .unreadable(operation) }
    return (entries, next)
  }

  /// A time as S3 writes it (ISO 8601, UTC).
  static func time(_ text: String) -> Timestamp? {
    for hasFraction in [true, false] {
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction)
      if let date = try? style.parse(text) {
        return Timestamp(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
      }
    }
    return nil
  }
}

/// Parts of objects' keys as addresses have them.
enum ObjectKey {
  /// All but RFC 3986's unreserved characters by number, as signatures need it; a slash too.
  static func encoded(_ text: some StringProtocol) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return encoded
  }
}

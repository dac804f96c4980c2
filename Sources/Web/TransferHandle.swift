import CCurl
import Foundation

/// libcurl's handle of one transfer; made, used and let go on ``TransferThread`` alone.
final class TransferHandle {
  let easy: UnsafeMutableRawPointer
  private let transfer: Transfer
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var head = HTTPHeadLines()
  private var received: Int = 0
  private var sent: Int = 0
  private var refusal: HTTPError?
  /// An address was passed over that may not be connected to.
  private var passedOver = false

  private var request: HTTPRequest { transfer.request }
  private var limits: HTTPLimits { transfer.request.limits }

  init(_ transfer: Transfer) {
    guard let easy = curl_easy_init() else { preconditionFailure("libcurl has no handle left") }
    self.easy = easy
    self.transfer = transfer
    configure()
  }

  deinit {
    curl_easy_cleanup(easy)
    for list in lists { curl_slist_free_all(list) }
  }

  // MARK: Among the others

  func join(_ multi: UnsafeMutableRawPointer) {
    let code = curl_multi_add_handle(multi, easy)
    precondition(code == CURLM_OK, "libcurl takes no transfer: \(code)")
  }

  /// A method, so that this object, whose end frees the handle, lives until the call has returned.
  func leave(_ multi: UnsafeMutableRawPointer) {
    let code = curl_multi_remove_handle(multi, easy)
    precondition(code == CURLM_OK, "libcurl keeps a transfer: \(code)")
  }

  // MARK: Options

  private func configure() {
    set(CURLOPT_URL, request.address.text)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_NOSIGNAL, 1)
    // Nothing of the environment is heard.
    set(CURLOPT_PROXY, "")
    set(CURLOPT_NOPROXY, "*")
    set(CURLOPT_NETRC, 0)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_USERAGENT, "fanfare")
    // Over HTTP/2 an answer that is held back fills windows of megabytes before the server stands still.
    set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    set(CURLOPT_CONNECTTIMEOUT_MS, limits.connectTime.inMilliseconds)
    set(CURLOPT_TIMEOUT_MS, limits.time?.inMilliseconds ?? 0)
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, max(1, limits.stallTime.inMilliseconds / 1000))
    let own = Unmanaged.passUnretained(self).toOpaque()
    for option in [
      CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA,
      CURLOPT_PREREQDATA,
    ] { check(ccurl_set_pointer(easy, option, own)) }
    check(ccurl_set_sink(easy, CURLOPT_WRITEFUNCTION, bodyCame))
    check(ccurl_set_sink(easy, CURLOPT_HEADERFUNCTION, headCame))
    check(ccurl_set_opening(easy, openSocket))
    check(ccurl_set_before_request(easy, requestIsDue))
    configureBody()
    setHeaders()
    if let signature = request.signature {
      set(CURLOPT_AWS_SIGV4, "aws:amz:\(signature.region):\(signature.service)")
      set(CURLOPT_USERNAME, signature.accessKey)
      set(CURLOPT_PASSWORD, signature.secretKey)
      // What was signed is what is asked for.
      set(CURLOPT_PATH_AS_IS, 1)
    }
  }

  private func configureBody() {
    switch request.method {
    case .get: set(CURLOPT_HTTPGET, 1)
    case .head: set(CURLOPT_NOBODY, 1)
    case .delete:
      set(CURLOPT_HTTPGET, 1)
      set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    case .put:
      set(CURLOPT_UPLOAD, 1)
      check(ccurl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, request.body.count))
    case .post:
      set(CURLOPT_POST, 1)
      check(ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, request.body.count))
    }
    check(ccurl_set_source(easy, bodyIsWanted))
    check(ccurl_set_seek(easy, bodyIsWantedFrom))
  }

  private func setHeaders() {
    var list: UnsafeMutablePointer<curl_slist>?
    for (name, value) in request.headers {
      precondition(!(name + value).utf8.contains { $0 < 0x20 }, "a header with a control character")
      // A header without a value is one that libcurl leaves out, unless it ends so.
      list = curl_slist_append(list, value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    guard let list else { return }
    lists.append(list)
    check(ccurl_set_list(easy, CURLOPT_HTTPHEADER, list))
  }

  private func set(_ option: CURLoption, _ value: Int) { check(ccurl_set_long(easy, option, value)) }
  private func set(_ option: CURLoption, _ value: String) { check(ccurl_set_text(easy, option, value)) }

  private func check(_ code: CURLcode) {
    precondition(code == CURLE_OK, "libcurl refuses an option: \(String(cString: curl_easy_strerror(code)))")
  }

  // MARK: While it runs

  /// The answer is taken again.
  func goOn() { curl_easy_pause(easy, CURLPAUSE_CONT) }

  fileprivate func feed(head line: UnsafeRawBufferPointer) -> Int {
    switch head.feed(line) {
    case .more: break
    case .refused:
      refusal = .interrupted(reason: "the answer's head cannot be read")
      return 0
    case .whole(let head):
      if let limit = limits.size, let length = head.contentLength, length > limit, request.method != .head,
        !head.leadsOn
      {
        refusal = .tooLarge(limit: limit)
        return 0
      }
      transfer.headCame(head)
    }
    return line.count
  }

  fileprivate func feed(body bytes: UnsafeRawBufferPointer) -> Int {
    if let limit = limits.size, received + Int(bytes.count) > limit {
      refusal = .tooLarge(limit: limit)
      return 0
    }
    switch transfer.bodyCame(bytes) {
    case .taken:
      received += Int(bytes.count)
      return bytes.count
    case .full: return Int(CURL_WRITEFUNC_PAUSE)
    case .gone: return 0
    }
  }

  fileprivate func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = Int(min(Int(buffer.count), request.body.count - sent))
    guard count > 0 else { return 0 }
    switch request.body {
    case .none: return 0
    case .bytes(let bytes):
      buffer.copyBytes(from: bytes[Int(sent)..<(Int(sent) + count)])
      sent += Int(count)
      return count
    case .file(let file, let offset, _):
      let count = file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset + sent)
      guard count > 0 else {
        let reason = count == 0 ? "the file has become shorter" : String(cString: strerror(errno))
        refusal = .unreadableBody(reason: reason)
        return Int(CURL_READFUNC_ABORT)
      }
      sent += Int(count)
      return count
    }
  }

  fileprivate func seek(to offset: Int) { sent = offset }

  fileprivate func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    guard let target = NetworkAddress(ccurl_address(address)), limits.addresses.allow(target) else {
      passedOver = true
      return CURL_SOCKET_BAD
    }
    // Children of this process do not inherit it.
    return socket(
      address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.`protocol`)
  }

  /// A connection that another request had opened may lead where this one may not.
  fileprivate func mayAsk(_ address: String) -> Bool {
    guard let target = NetworkAddress(address), limits.addresses.allow(target) else {
      refusal = .privateAddress
      return false
    }
    return true
  }

  // MARK: The end

  func result(_ code: CURLcode) -> Result<Void, HTTPError> {
    if code == CURLE_OK { return .success(()) }
    if let refusal { return .failure(refusal) }
    return .failure(error(code))
  }

  private func error(_ code: CURLcode) -> HTTPError {
    let reason = String(cString: curl_easy_strerror(code))
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST: return .hostNotFound
    case CURLE_COULDNT_CONNECT: return passedOver ? .privateAddress : .cannotConnect
    case CURLE_OPERATION_TIMEDOUT: return timeout
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
      return .untrusted(reason: reason)
    default: return .interrupted(reason: reason)
    }
  }

  /// Which of the three times was over.
  private var timeout: HTTPError {
    var connected: curl_off_t = 0
    var total: curl_off_t = 0
    ccurl_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &connected)
    ccurl_get_offset(easy, CURLINFO_TOTAL_TIME_T, &total)
    if let time = limits.time, total / 1000 >= time.inMilliseconds { return .timedOut(after: time) }
    return connected == 0 ? .connectTimedOut(after: limits.connectTime) : .stalled(after: limits.stallTime)
  }
}

extension Duration {
  fileprivate var inMilliseconds: Int {
    Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
  }
}

// MARK: Called by libcurl, on the thread

private func handle(_ own: UnsafeMutableRawPointer?) -> TransferHandle {
  guard let own else { preconditionFailure("libcurl has lost our object") }
  return Unmanaged<TransferHandle>.fromOpaque(own).takeUnretainedValue()
}

@c private func bodyCame(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ own: UnsafeMutableRawPointer?
) -> Int {
  handle(own).feed(body: UnsafeRawBufferPointer(start: bytes, count: size * count))
}

@c private func headCame(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ own: UnsafeMutableRawPointer?
) -> Int {
  handle(own).feed(head: UnsafeRawBufferPointer(start: bytes, count: size * count))
}

@c private func bodyIsWanted(
  _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ own: UnsafeMutableRawPointer?
) -> Int {
  handle(own).read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

/// A request that is sent anew begins with its body anew.
@c private func bodyIsWantedFrom(_ own: UnsafeMutableRawPointer?, _ offset: curl_off_t, _ origin: Int32) -> Int32 {
  guard origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_CANTSEEK) }
  handle(own).seek(to: offset)
  return Int32(CURL_SEEKFUNC_OK)
}

@c private func openSocket(
  _ own: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
  guard let address else { return CURL_SOCKET_BAD }
  return handle(own).open(address)
}

@c private func requestIsDue(
  _ own: UnsafeMutableRawPointer?, _ address: UnsafeMutablePointer<CChar>?,
  _ localAddress: UnsafeMutablePointer<CChar>?, _ port: Int32, _ localPort: Int32
) -> Int32 {
  guard let address, handle(own).mayAsk(String(cString: address)) else { return Int32(CURL_PREREQFUNC_ABORT) }
  return Int32(CURL_PREREQFUNC_OK)
}

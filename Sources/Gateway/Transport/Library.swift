import CWebSockets
import EventLoop
import Foundation

/// libwebsockets' context: a guest on our loop that listens on nothing and is given WebSockets only.
@EventLoop
final class Library {
  private let context: OpaquePointer
  private let virtualHost: OpaquePointer
  private let protocols: UnsafeMutableBufferPointer<lws_protocols>
  private let policy: UnsafeMutablePointer<lws_retry_bo_t>
  private let names: [UnsafeMutablePointer<CChar>]
  private var isDestroyed = false

  /// Nil where the library does not start. `owner` is handed back by `lws_context_user`.
  init?(limits: Limits, subprotocols: [String], owner: UnsafeMutableRawPointer) {
    // The first protocol is for those who offer none.
    names = (["fanfare"] + subprotocols).map { strdup($0) }
    // Ends with an empty entry. It lives as long as the context, which keeps the pointer.
    protocols = .allocate(capacity: names.count + 1)
    protocols.initialize(repeating: lws_protocols())
    for (index, name) in names.enumerated() {
      protocols[index].name = UnsafePointer(name)
      protocols[index].callback = webSocketCallback
      protocols[index].per_session_data_size = MemoryLayout<UnsafeRawPointer?>.size
      protocols[index].rx_buffer_size = limits.receiveBuffer
      protocols[index].tx_packet_size = limits.sendPacket
    }
    // All zero: no validity timers. They are kept in a sorted list, walked at every handshake and
    // every pong.
    policy = .allocate(capacity: 1)
    policy.initialize(to: lws_retry_bo_t())

    var loops: [UnsafeMutableRawPointer?] = [EventLoop.executor.loop.raw]
    var info = lws_context_creation_info()
    info.port = CONTEXT_PORT_NO_LISTEN
    info.protocols = UnsafePointer(protocols.baseAddress)
    info.retry_and_idle_policy = UnsafePointer(policy)
    info.gid = -1
    info.uid = -1
    info.user = owner
    info.max_http_header_pool = UInt16(limits.headerPool)
    info.timeout_secs = 5
    // 0: its table of connections is indexed by descriptor, not searched.
    info.fd_limit_per_thread = 0
    info.options = UInt64(LWS_SERVER_OPTION_LIBUV) | UInt64(LWS_SERVER_OPTION_VALIDATE_UTF8)
    // Signals are the process's, not the library's.
    info.signal_cb = { _, _ in }
    let made = loops.withUnsafeMutableBufferPointer { loops in
      info.foreign_loops = loops.baseAddress
      return lws_create_context(&info)
    }
    guard let made, let virtualHost = lws_get_vhost_by_name(made, "default") else {
      return nil
    }
    context = made
    self.virtualHost = virtualHost
  }

  /// Gives a socket to the library together with a handshake in our words: of what the client wrote
  /// there is the key, which was checked, and the subprotocol that was chosen.
  ///
  /// The library owns the descriptor from here on, and has called back when this returns.
  func adopt(_ descriptor: Int32, key: String, subprotocol: String?) {
    var head = """
      GET / HTTP/1.1\r
      Host: fanfare\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: \(key)\r
      Sec-WebSocket-Version: 13\r\n
      """
    if let subprotocol { head += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
    head += "\r\n"
    head.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        _ = lws_adopt_socket_vhost_readbuf(virtualHost, descriptor, $0.baseAddress, $0.count)
      }
    }
  }

  /// Closes every connection, which is told, and frees everything; some turns of the loop.
  func destroy() async {
    guard !isDestroyed else { return }
    isDestroyed = true
    lws_context_destroy(context)
    // libuv closes handles a turn after it is asked: first the connections', then the library's own.
    // Only then may the second call free what they lie in.
    for _ in 0..<4 { await turn() }
    lws_context_destroy(context)
    protocols.deallocate()
    policy.deallocate()
    for name in names { free(name) }
  }

  /// One turn of the loop.
  private func turn() async {
    var timer: LoopTimer?
    await withCheckedContinuation { continuation in
      timer = LoopTimer(after: .milliseconds(1)) { continuation.resume() }
    }
    timer?.stop()
  }
}

import CWebSockets
import EventLoop
import Foundation
import Logging

/// libwebsockets' context: a guest on our loop that listens on nothing and is given WebSockets only.
///
/// One for the process, as the loop is, and never destroyed: `lws_context_destroy` on libuv closes a
/// descriptor of its own twice, a turn apart, and what was opened under that number meanwhile is
/// lost (docs/decisions/0002).
@EventLoop
final class Library {
  /// What a handshake may agree on.
  nonisolated static let subprotocols = ["centrifuge-json"]

  private static var shared: Library?

  private let virtualHost: OpaquePointer
  /// What it may look at for as long as the process lives.
  private let protocols: UnsafeMutableBufferPointer<lws_protocols>
  /// Handed over, and not yet established.
  private var adopting: Connection?

  /// The process's; nil where libwebsockets does not start.
  static func start(_ logger: Logger) -> Library? {
    if shared == nil {
      LibraryLog.begin(logger)
      shared = Library()
    }
    return shared
  }

  private init?() {
    // The first protocol is for those who agree on none. The array ends with an empty entry; the
    // context keeps the pointer, and its strings.
    let names = ["fanfare"] + Self.subprotocols
    let protocols = UnsafeMutableBufferPointer<lws_protocols>.allocate(capacity: names.count + 1)
    protocols.initialize(repeating: lws_protocols())
    for (index, name) in names.enumerated() {
      protocols[index].name = UnsafePointer(strdup(name))
      protocols[index].callback = webSocketCallback
      protocols[index].per_session_data_size = MemoryLayout<UnsafeRawPointer?>.size
      protocols[index].rx_buffer_size = Limits.receiveBuffer
      protocols[index].tx_packet_size = Limits.sendPacket
    }
    // All zero: no validity timers. They are kept in a sorted list, walked at every handshake and
    // every pong.
    let policy = UnsafeMutablePointer<lws_retry_bo_t>.allocate(capacity: 1)
    policy.initialize(to: lws_retry_bo_t())

    var loops: [UnsafeMutableRawPointer?] = [EventLoop.executor.loop.raw]
    var info = lws_context_creation_info()
    info.port = CONTEXT_PORT_NO_LISTEN
    info.protocols = UnsafePointer(protocols.baseAddress)
    info.extensions = DeflateExtension.table()
    info.retry_and_idle_policy = UnsafePointer(policy)
    info.gid = -1
    info.uid = -1
    info.max_http_header_pool = Limits.headerPool
    // The longest that it may wait for anything by itself.
    info.timeout_secs = 5
    // 0: its table of connections is indexed by descriptor, not searched.
    info.fd_limit_per_thread = 0
    info.options = UInt64(LWS_SERVER_OPTION_LIBUV) | UInt64(LWS_SERVER_OPTION_VALIDATE_UTF8)
    // Signals are the process's, not the library's.
    info.signal_cb = { _, _ in }
    let context = loops.withUnsafeMutableBufferPointer { loops in
      info.foreign_loops = loops.baseAddress
      return lws_create_context(&info)
    }
    guard let context, let virtualHost = lws_get_vhost_by_name(context, "default") else {
      return nil
    }
    self.virtualHost = virtualHost
    self.protocols = protocols
  }

  /// Gives a socket to the library together with a handshake in our words: of what the client wrote
  /// there is the key, which was checked, and the subprotocol and the extension that were chosen.
  ///
  /// The library owns the descriptor from here on. Returns its answer, which is to be sent; nil where the upgrade
  /// was not done: then it closes the descriptor.
  func adopt(
    _ descriptor: Int32, key: String, subprotocol: String?, compression: CompressionAgreement?,
    for connection: Connection
  ) -> [UInt8]? {
    var head = """
      GET / HTTP/1.1\r
      Host: fanfare\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Key: \(key)\r
      Sec-WebSocket-Version: 13\r\n
      """
    if let subprotocol {
      precondition(Self.subprotocols.contains(subprotocol), "an unknown subprotocol was agreed on")
      head += "Sec-WebSocket-Protocol: \(subprotocol)\r\n"
    }
    if let compression { head += "Sec-WebSocket-Extensions: \(compression.text)\r\n" }
    head += "\r\n"
    adopting = connection
    // The library tells of each handshake as of an error, in words that it makes before anybody could say no.
    LibraryLog.suspendErrors()
    defer { LibraryLog.resumeErrors() }
    let answer = AnswerHook.taking {
      head.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          _ = lws_adopt_socket_vhost_readbuf(virtualHost, descriptor, $0.baseAddress, $0.count)
        }
      }
    }
    return takeAdopting() == nil ? answer : nil
  }

  private func takeAdopting() -> Connection? {
    defer { adopting = nil }
    return adopting
  }

  /// The connection that is being handed over; once.
  static func takeAdopting() -> Connection? { shared?.takeAdopting() }
}

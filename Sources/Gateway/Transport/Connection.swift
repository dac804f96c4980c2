import CWebSockets
import EventLoop
import Foundation

/// A WebSocket on libwebsockets: it hears of frames there, and writes past it while it can.
///
/// Where the library has nothing pending for a connection, whole frames go straight to the socket
/// in one system call. What the socket does not take is given to the library, which sends it before
/// anything of its own, so that a close frame can never land inside another.
@EventLoop
final class Connection: ClientConnection, Flushable {
  private enum State {
    case opening
    case open
    /// A close frame was written, by us or the library, or the peer's has come: nothing follows.
    case closing
    case closed
  }

  private unowned let server: WebSocketServer
  private let peer: SocketAddress
  private let descriptor: Int32
  private let delegate: any ClientConnectionDelegate
  private var handle: OpaquePointer?
  private var state = State.opening
  /// To the handshake, until it was sent.
  private var answerToHandshake: [UInt8] = []
  private(set) var isBehind = false
  /// What the socket did not take, alive until it has: the library may look at it until then.
  private var remainder: [UInt8] = []
  private var isReadingPaused = false
  private var message: [UInt8] = []
  /// Whole messages that had been read already when reading was paused.
  private var held: [(message: [UInt8], isBinary: Bool)] = []
  /// Where permessage-deflate was agreed on.
  private let compression: CompressionAgreement?
  /// The message that is coming is compressed.
  private var isPacked = false
  /// What came, where the library was shown something else in its place.
  private var covered: UnsafeRawBufferPointer?
  private var closeDeadline: TimerWheel.Deadline?
  private var gate: FrameGate

  init(
    _ descriptor: Int32, peer: SocketAddress, server: WebSocketServer,
    compression: CompressionAgreement?, delegate: any ClientConnectionDelegate
  ) {
    self.descriptor = descriptor
    self.peer = peer
    self.server = server
    self.compression = compression
    gate = FrameGate(takesMark: compression != nil)
    self.delegate = delegate
  }

  var isOpen: Bool { if case .open = state { true } else { false } }
  /// Bytes that are kept for the connection, both ways: no flood makes them many. Of what was sent it is
  /// what libwebsockets may hold at most: the rest of one batch, and a close frame.
  var heldByteCount: Int {
    message.count + remainder.count + held.reduce(gate.owedByteCount) { $0 + $1.message.count }
  }
  private var isClosed: Bool { if case .closed = state { true } else { false } }

  // MARK: Sending

  func send(_ frames: [PreparedFrame]) {
    guard case .open = state, let handle else { return }
    if let compression { return send(frames, compression, on: handle) }
    switch frames.count {
    case 0: break
    case 1: frames[0].bytes.withUnsafeBytes { send($0, on: handle) }
    default: send(server.joined(frames), on: handle)
    }
  }

  func send(_ frame: PreparedFrame) {
    guard case .open = state, let handle else { return }
    if let compression { return send([frame], compression, on: handle) }
    frame.bytes.withUnsafeBytes { send($0, on: handle) }
  }

  func ping() {
    guard case .open = state, let handle else { return }
    // With something in it, which the answer repeats: the library says nothing of an empty pong.
    ([0x89, 0x01, UInt8(ascii: "p")] as [UInt8]).withUnsafeBytes { send($0, on: handle) }
  }

  /// Compressed by us, they go out like others: the library's own compression has no part in it.
  private func send(
    _ frames: [PreparedFrame], _ agreement: CompressionAgreement, on handle: OpaquePointer
  ) {
    guard !frames.isEmpty else { return }
    server.compression.bytes(of: frames, agreement).withUnsafeBytes { send($0, on: handle) }
  }

  private func send(_ bytes: UnsafeRawBufferPointer, on handle: OpaquePointer) {
    if !answerToHandshake.isEmpty { flush() }
    var sent = 0
    // Makes no system call, unlike lws_send_pipe_choked.
    if lws_partial_buffered(handle) == 0 {
      sent = CWebSocketsSend(descriptor, bytes.baseAddress, bytes.count)
      if sent < 0 {
        guard errno == EAGAIN || errno == EINTR else { return abandon() }
        sent = 0
      }
    }
    guard sent < bytes.count else { return }
    isBehind = true
    let start = remainder.count
    if start == 0 { remainder = [UInt8](repeating: 0, count: Int(CWebSocketsPreamble)) }
    let from = remainder.count
    remainder.append(contentsOf: bytes[sent...])
    let code = remainder.withUnsafeMutableBufferPointer { buffer in
      // LWS_WRITE_HTTP: as it is, without a frame around it.
      lws_write(handle, buffer.baseAddress! + from, buffer.count - from, LWS_WRITE_HTTP)
    }
    guard code >= 0 else { return abandon() }
    lws_callback_on_writable(handle)
  }

  // MARK: Closing

  func close(code: UInt16, reason: String) {
    precondition((1000...4999).contains(code), "a connection is closed with code \(code)")
    guard case .open = state, let handle else { return }
    // A reason has 123 bytes at most (RFC 6455 §5.5), and ends between characters.
    var text = reason
    while text.utf8.count > 123 { text.removeLast() }
    // Written by us. Asked to close from a WRITEABLE callback, Debian's build of the library closes
    // twice on libuv, the second time before its close frame is out.
    let payload = [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(text.utf8)
    ([0x88, UInt8(payload.count)] + payload).withUnsafeBytes { send($0, on: handle) }
    libraryCloses()
    // The peer's close frame must be read.
    lws_rx_flow_control(handle, 1)
  }

  private func startCloseDeadline() {
    guard closeDeadline == nil else { return }
    closeDeadline = server.wheel.schedule(after: server.limits.closeDeadline) { [weak self] in
      self?.abandon()
    }
  }

  /// Breaks the connection off. The library hears of it from the socket, and we from the library.
  func abandon() {
    guard let handle else { return }
    libraryCloses()
    lws_rx_flow_control(handle, 1)
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  // MARK: Reading

  func pauseReading() {
    guard case .open = state, let handle, !isReadingPaused else { return }
    isReadingPaused = true
    lws_rx_flow_control(handle, 0)
  }

  func resumeReading() {
    guard isReadingPaused else { return }
    isReadingPaused = false
    while !held.isEmpty, !isReadingPaused, case .open = state {
      let next = held.removeFirst()
      delegate.received(next.message, isBinary: next.isBinary)
    }
    guard !isReadingPaused, case .open = state, let handle else { return }
    lws_rx_flow_control(handle, 1)
    // Bytes that the library holds already are looked at with the next event of the socket only,
    // and the peer may be waiting for us: this is such an event.
    lws_callback_on_writable(handle)
  }

  // MARK: What the library says

  /// The upgrade is done. The delegate hears of it from the server, once the library is through.
  func established(_ handle: OpaquePointer) {
    self.handle = handle
    state = .open
    ReceiveHook.begin(self, on: descriptor)
  }

  /// The upgrade is done and the library has returned to us. Its answer goes before all else, at the turn's
  /// end or when there is something to follow it.
  func opened(answering answer: [UInt8]) {
    guard case .open = state else { return }
    answerToHandshake = answer
    delegate.connectionOpened(self)
  }

  /// Tells the client that the handshake is done, if it was not told yet.
  func flush() {
    guard let handle, !answerToHandshake.isEmpty else { return }
    let answer = answerToHandshake
    answerToHandshake = []
    answer.withUnsafeBytes { send($0, on: handle) }
  }

  /// Bytes on their way from the socket to the library; those it is to see are moved to the front.
  func pass(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
    let count = gate.pass(bytes)
    // Once the library has looked at what came before.
    if gate.hasWork, let handle { lws_callback_on_writable(handle) }
    return count
  }

  private func frameHeard() {
    gate.frameHeard()
    if gate.hasWork, let handle { lws_callback_on_writable(handle) }
  }

  /// Those that came before what was heard last; while the socket takes nothing they wait, the newest of them.
  private func answerPings() {
    guard case .open = state, !isBehind, gate.owedByteCount > 0, let handle else { return }
    let pongs = gate.duePongs()
    if !pongs.isEmpty { pongs.withUnsafeBytes { send($0, on: handle) } }
  }

  /// The client broke the protocol, and nothing it sends is looked at any more, not even its close frame.
  private func end(_ violation: FrameGate.Violation) {
    guard case .open = state, let handle else { return }
    close(code: 1002, reason: violation.rawValue)
    if lws_partial_buffered(handle) == 0 { _ = CWebSocketsEndSending(descriptor) }
  }

  /// A part of a frame is about to come. `hasMark`: the frame has RSV1. Returns whether it belongs to a
  /// compressed message, and the library is to be shown something else in its place.
  func covers(_ bytes: UnsafeRawBufferPointer, hasMark: Bool) -> Bool {
    covered = isPacked || hasMark ? bytes : nil
    return covered != nil
  }

  /// The bytes behind what the library showed.
  private func uncovered(
    _ bytes: UnsafeRawBufferPointer, isFirst: Bool, handle: OpaquePointer
  ) -> UnsafeRawBufferPointer {
    if isFirst { isPacked = lws_get_reserved_bits(handle) & 0x40 != 0 }
    defer { covered = nil }
    return covered ?? bytes
  }

  /// A part of a message: `remaining` bytes of its frame follow, and, where `isFinal` is false, more.
  func received(
    _ bytes: UnsafeRawBufferPointer, isFirst: Bool, isFinal: Bool, isBinary: Bool, remaining: Int
  ) {
    guard case .open = state else { return }
    answerPings()
    if remaining == 0 { frameHeard() }
    if isFirst { message = [] }
    var bytes = bytes
    var limit = server.limits.messageSize
    if compression != nil, let handle {
      bytes = uncovered(bytes, isFirst: isFirst, handle: handle)
      if isPacked { limit = Compression.bound(for: limit) }
    }
    let room = limit - message.count
    // The frame's length is the client's word, up to 2⁶³: never added up, only compared.
    guard bytes.count <= room, (0...(room - bytes.count)).contains(remaining) else {
      return close(code: 1009, reason: "message too large")
    }
    message.append(contentsOf: bytes.assumingMemoryBound(to: UInt8.self))
    guard isFinal else { return }
    var whole = message
    message = []
    if isPacked {
      isPacked = false
      guard let unpacked = unpack(whole, isBinary: isBinary) else { return }
      whole = unpacked
    }
    if isReadingPaused {
      held.append((whole, isBinary))
    } else {
      delegate.received(whole, isBinary: isBinary)
    }
  }

  /// The message before it was compressed; nil where it is none, and the connection closes.
  private func unpack(_ packed: [UInt8], isBinary: Bool) -> [UInt8]? {
    do throws(Inflater.Failure) {
      let whole = try server.compression.message(packed, limit: server.limits.messageSize)
      // The library has looked at other bytes than these.
      if isBinary || String(validating: whole, as: UTF8.self) != nil { return whole }
      close(code: 1007, reason: "bad utf8")
    } catch {
      switch error {
      case .corrupt: close(code: 1007, reason: "cannot be inflated")
      case .tooLarge: close(code: 1009, reason: "message too large")
      }
    }
    return nil
  }

  func pongArrived() { if case .open = state { delegate.pongFrameArrived() } }

  /// The socket takes bytes again.
  func writable() {
    guard let handle else { return }
    if lws_partial_buffered(handle) != 0 {
      lws_callback_on_writable(handle)
      return
    }
    remainder = []
    let wasBehind = isBehind
    isBehind = false
    answerPings()
    if let violation = gate.violation { return end(violation) }
    if case .open = state, wasBehind, !isBehind { delegate.connectionDrained() }
  }

  /// Nothing is sent any more, and the end is awaited for a bounded time.
  func libraryCloses() {
    if isClosed { return }
    flush()
    state = .closing
    message = []
    held = []
    gate.forgetPongs()
    startCloseDeadline()
  }

  /// The peer closes. Returns whether the library is to answer with the peer's code.
  func peerCloses(_ payload: UnsafeRawBufferPointer) -> Bool {
    // It may be the answer to our close, or have crossed it on the way: then all is said.
    guard case .open = state else { return false }
    let code = payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 0
    switch code {
    case _ where payload.isEmpty, 1000...1003, 1007...1014, 3000...4999:
      libraryCloses()
      return true
    default:
      // Not a code that may be sent (RFC 6455 §7.4). The library would wait for another close frame.
      close(code: 1002, reason: "bad close code")
      return false
    }
  }

  /// The library is done with the connection, or never took it.
  func ended() {
    guard !isClosed else { return }
    state = .closed
    ReceiveHook.end(self, on: descriptor)
    handle = nil
    isBehind = false
    message = []
    held = []
    remainder = []
    closeDeadline?.cancel()
    server.remove(self, peer)
    delegate.connectionClosed()
  }
}

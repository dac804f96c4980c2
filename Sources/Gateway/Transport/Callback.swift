import CWebSockets
import EventLoop

/// What libwebsockets has to say that we act on.
enum TransportEvent {
  case established
  case received(
    UnsafeRawBufferPointer, isFirst: Bool, isFinal: Bool, isBinary: Bool, remaining: Int)
  case writable
  case pong
  /// A close frame of the library's own goes out next: a client broke the protocol.
  case libraryCloses
  case peerCloses(UnsafeRawBufferPointer)
  case closed
  /// An HTTP request reached the library, which gets none: its connection is closed.
  case unexpectedRequest

  /// Nil for the reasons (there are about a hundred) that need nothing of us.
  init?(
    _ reason: lws_callback_reasons, _ wsi: OpaquePointer, _ input: UnsafeRawBufferPointer
  ) {
    switch reason {
    case LWS_CALLBACK_ESTABLISHED: self = .established
    case LWS_CALLBACK_RECEIVE:
      self = .received(
        input, isFirst: lws_is_first_fragment(wsi) != 0, isFinal: lws_is_final_fragment(wsi) != 0,
        isBinary: lws_frame_is_binary(wsi) != 0,
        remaining: Int(truncatingIfNeeded: lws_remaining_packet_payload(wsi)))
    case LWS_CALLBACK_RECEIVE_PONG: self = .pong
    case LWS_CALLBACK_SERVER_WRITEABLE: self = .writable
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: self = .peerCloses(input)
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: self = .libraryCloses
    case LWS_CALLBACK_CLOSED: self = .closed
    case LWS_CALLBACK_HTTP: self = .unexpectedRequest
    default: return nil
    }
  }
}

/// The one function that libwebsockets calls. `user` is its memory for a connection, in which the
/// address of our ``Connection`` stands from `established` to `closed`.
@c func webSocketCallback(
  _ wsi: OpaquePointer?, _ reason: lws_callback_reasons, _ user: UnsafeMutableRawPointer?,
  _ input: UnsafeMutableRawPointer?, _ length: Int
) -> CInt {
  // libwebsockets calls on the loop's thread; assumeIsolated checks it.
  nonisolated(unsafe) let wsi = wsi
  nonisolated(unsafe) let user = user
  nonisolated(unsafe) let input = input
  return EventLoop.assumeIsolated {
    guard let wsi,
      let event = TransportEvent(reason, wsi, UnsafeRawBufferPointer(start: input, count: length))
    else { return 0 }
    return handle(event, of: wsi, at: user?.assumingMemoryBound(to: UnsafeRawPointer?.self))
  }
}

/// Returns what the library wants to hear: 0 to go on, -1 to close the connection.
@EventLoop
private func handle(
  _ event: TransportEvent, of wsi: OpaquePointer,
  at place: UnsafeMutablePointer<UnsafeRawPointer?>?
) -> CInt {
  if case .unexpectedRequest = event { return -1 }
  guard let place else { return -1 }
  if case .established = event {
    guard let connection = Library.takeAdopting() else { return -1 }
    place.pointee = UnsafeRawPointer(Unmanaged.passRetained(connection).toOpaque())
    connection.established(wsi)
    return 0
  }
  guard let address = place.pointee else { return event.isOfOpenConnection ? -1 : 0 }
  let reference = Unmanaged<Connection>.fromOpaque(address)
  let connection = reference.takeUnretainedValue()
  switch event {
  case .received(let bytes, let isFirst, let isFinal, let isBinary, let remaining):
    connection.received(
      bytes, isFirst: isFirst, isFinal: isFinal, isBinary: isBinary, remaining: remaining)
    return 0
  case .writable:
    connection.writable()
    return 0
  case .pong:
    connection.pongArrived()
    return 0
  case .libraryCloses:
    connection.libraryCloses()
    return 0
  case .peerCloses(let payload): return connection.peerCloses(payload) ? 0 : -1
  case .closed:
    place.pointee = nil
    connection.ended()
    reference.release()
    return 0
  case .established, .unexpectedRequest: return 0
  }
}

extension TransportEvent {
  fileprivate var isOfOpenConnection: Bool {
    switch self {
    case .received, .writable, .pong: true
    default: false
    }
  }
}

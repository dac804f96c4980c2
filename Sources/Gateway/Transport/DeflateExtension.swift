import CWebSockets
import EventLoop

/// permessage-deflate as libwebsockets gets to know it: an extension of ours in which nothing is
/// compressed.
///
/// The library's own keeps pointers into buffers of its callers after it has returned, and 96 KB for each
/// idle connection. This one lets frames with RSV1 through, and hands their bytes to the
/// ``Connection`` as they came; we inflate whole messages (docs/decisions/0010). In the answer to a
/// handshake it says back what it is offered, which are words of ours (``CompressionAgreement``).
@EventLoop
enum DeflateExtension {
  /// For `lws_context_creation_info.extensions`; ends with an empty entry, and lives as long as the process.
  static func table() -> UnsafePointer<lws_extension> {
    let table = UnsafeMutableBufferPointer<lws_extension>.allocate(capacity: 2)
    table.initialize(repeating: lws_extension())
    table[0].name = UnsafePointer(strdup("permessage-deflate"))
    table[0].callback = deflateExtensionCallback
    return UnsafePointer(table.baseAddress!)
  }

  /// The parameters that the library says back. It compares letters, so that each value is a name.
  private static let parameters: UnsafePointer<lws_ext_options> = {
    let names =
      ["server_no_context_takeover", "client_no_context_takeover"]
      + (9...15).map { "server_max_window_bits=\($0)" }
    let table = UnsafeMutableBufferPointer<lws_ext_options>.allocate(capacity: names.count + 1)
    table.initialize(repeating: lws_ext_options())
    for (index, name) in names.enumerated() {
      table[index].name = UnsafePointer(strdup(name))
      table[index].type = EXTARG_NONE
    }
    return UnsafePointer(table.baseAddress!)
  }()

  /// Text in place of compressed bytes, which the library would otherwise find not to be UTF-8.
  private static let cover: UnsafeMutableBufferPointer<UInt8> = {
    let cover = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4096)
    cover.initialize(repeating: UInt8(ascii: " "))
    return cover
  }()

  static func handle(
    _ reason: lws_extension_callback_reasons, of wsi: OpaquePointer?, _ input: UnsafeMutableRawPointer?
  ) -> CInt {
    switch reason {
    case LWS_EXT_CB_CONSTRUCT:
      input?.assumingMemoryBound(to: UnsafePointer<lws_ext_options>?.self).pointee = parameters
      return 0
    case LWS_EXT_CB_PAYLOAD_RX:
      guard let wsi, let input else { return -1 }
      return payload(input.assumingMemoryBound(to: CWebSocketsPayload.self), of: wsi)
    default: return 0
    }
  }

  /// A part of a frame is on its way to us. Bytes of a compressed message are remembered, and covered from
  /// the library's eyes.
  private static func payload(
    _ payload: UnsafeMutablePointer<CWebSocketsPayload>, of wsi: OpaquePointer
  ) -> CInt {
    guard let place = lws_wsi_user(wsi)?.assumingMemoryBound(to: UnsafeRawPointer?.self).pointee
    else { return 0 }
    let connection = Unmanaged<Connection>.fromOpaque(place).takeUnretainedValue()
    let bytes = UnsafeRawBufferPointer(
      start: payload.pointee.input.token, count: Int(payload.pointee.input.len))
    guard connection.covers(bytes, hasMark: lws_get_reserved_bits(wsi) & 0x40 != 0) else { return 0 }
    // The library reads less than that at a time, and offers what came in as what goes out.
    guard bytes.count < cover.count, payload.pointee.output.len == payload.pointee.input.len else {
      return -1
    }
    payload.pointee.output.token = cover.baseAddress
    return 0
  }
}

/// Called by libwebsockets for connections with the extension only.
@c func deflateExtensionCallback(
  _ context: OpaquePointer?, _ extension: UnsafePointer<lws_extension>?, _ wsi: OpaquePointer?,
  _ reason: lws_extension_callback_reasons, _ user: UnsafeMutableRawPointer?,
  _ input: UnsafeMutableRawPointer?, _ length: Int
) -> CInt {
  // libwebsockets calls on the loop's thread; assumeIsolated checks it.
  nonisolated(unsafe) let wsi = wsi
  nonisolated(unsafe) let input = input
  return EventLoop.assumeIsolated { DeflateExtension.handle(reason, of: wsi, input) }
}

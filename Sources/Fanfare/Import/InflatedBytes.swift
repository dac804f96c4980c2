import CZlib

/// Bytes that zlib compressed.
enum InflatedBytes {
  /// What was compressed, at most `limit` bytes; nil where it is more, or where these are no such bytes.
  static func of(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
    var room = min(limit, max(1 << 12, bytes.count * 4))
    while true {
      var length = uLongf(room)
      var output = [UInt8](repeating: 0, count: room)
      switch uncompress(&output, &length, bytes, uLong(bytes.count)) {
      case Z_OK: return Array(output.prefix(Int(length)))
      case Z_BUF_ERROR where room < limit: room = min(limit, room * 4)
      default: return nil
      }
    }
  }
}

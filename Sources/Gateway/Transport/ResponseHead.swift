import Logging

/// The head of an answer as bytes.
enum ResponseHead {
  /// Whether an answer of this status to this method may have a body (RFC 9110 §6.4.1).
  static func hasBody(_ status: Int, to method: Request.Method) -> Bool {
    method != .head && status >= 200 && status != 204 && status != 304
  }

  /// Status line, headers and empty line. A nil `length` is a body that ends with the connection.
  ///
  /// A header that cannot be written safely (a line break in a value would begin another header) is
  /// left out and logged.
  static func bytes(
    _ response: Response, length: Int64?, date: String, closes: Bool, logger: Logger
  ) -> [UInt8] {
    var head: [UInt8] = []
    head.reserveCapacity(256)
    head += StatusLine.text(response.status).utf8
    head += "date: \(date)\r\n".utf8
    for (name, value) in response.headers {
      guard name.utf8.allSatisfy(RequestHead.isTokenByte), !name.isEmpty,
        value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
      else {
        logger.error("an answer's header cannot be sent", metadata: ["name": "\(name)"])
        continue
      }
      head += name.utf8
      head += ": ".utf8
      head += value.utf8
      head += "\r\n".utf8
    }
    if let length, response.status != 204, response.status != 304 {
      head += "content-length: \(length)\r\n".utf8
    }
    head += closes ? "connection: close\r\n\r\n".utf8 : "\r\n".utf8
    return head
  }
}

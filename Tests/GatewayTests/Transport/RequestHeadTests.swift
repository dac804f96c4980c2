import EventLoop
import Support
import Testing

@testable import Gateway

/// A head that must not be taken, and the status that says so.
struct BadHead: CustomTestStringConvertible, Sendable {
  let name: String
  let status: Int
  let text: String
  var testDescription: String { name }

  init(_ name: String, _ status: Int, _ text: String) {
    self.name = name
    self.status = status
    self.text = text
  }

  static func post(_ name: String, _ headers: String, _ status: Int = 400) -> BadHead {
    BadHead(
      name, status,
      "POST / HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
  }

  static func get(_ name: String, _ status: Int, target: String) -> BadHead {
    BadHead(name, status, "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
  }

  static let smuggling: [BadHead] = [
    post("chunked", "Transfer-Encoding: chunked"),
    post("any transfer coding", "Transfer-Encoding: identity"),
    post("chunked and a length", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
    post("a length and chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
    post("blank before the colon", "Transfer-Encoding : chunked\r\nContent-Length: 5"),
    post("tab before the colon", "Content-Length\t: 5"),
    post("folded line", "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5"),
    post("two lengths", "Content-Length: 5\r\nContent-Length: 6"),
    post("the same length twice", "Content-Length: 5\r\nContent-Length: 5"),
    post("a list of lengths", "Content-Length: 5, 5"),
    post("a signed length", "Content-Length: +5"),
    post("a negative length", "Content-Length: -5"),
    post("a hexadecimal length", "Content-Length: 0x5"),
    post("a length in words", "Content-Length: five"),
    post("an empty length", "Content-Length: "),
    post("a length with a blank inside", "Content-Length: 1 0"),
    post("a length with a NUL", "Content-Length: 5\0"),
    post("a length with a vertical tab", "Content-Length: \u{0B}5"),
    post("a length over all bounds", "Content-Length: 99999999999999999999"),
    post("a length in other digits", "Content-Length: \u{0665}"),
    post("a bare line feed", "X: a\nContent-Length: 5"),
    post("a bare carriage return", "X: a\rContent-Length: 5\r\nContent-Length: 5"),
    post("a NUL in a header", "X: a\0b\r\nContent-Length: 5"),
    post("a header without a name", ": a\r\nContent-Length: 5"),
    post("a header without a colon", "Content-Length 5\r\nContent-Length: 5"),
    post("a name with a control character", "Content\u{01}-Length: 5\r\nContent-Length: 5"),
    BadHead(
      "chunked GET", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    BadHead("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
    BadHead("two Hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    BadHead("an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    BadHead("a Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    BadHead("a Host with credentials", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    BadHead("no Host in HTTP/1.0", 400, "GET / HTTP/1.0\r\n\r\n"),
    BadHead(
      "two Authorizations", 400,
      "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"),
  ]

  static let lines: [BadHead] = [
    BadHead("HTTP/0.9", 400, "GET /\r\n\r\n"),
    BadHead("HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    BadHead("a lower-case version", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    BadHead("two blanks", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadHead("a tab", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadHead("an unknown method", 501, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadHead("a method in lower case", 501, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadHead("CONNECT", 405, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadHead("TRACE", 405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    BadHead("a TLS hello", 400, "\u{16}\u{03}\u{01}\0\u{05}\0\u{01}"),
    BadHead("nothing but line ends", 400, "\r\n\r\n"),
    get("a NUL, encoded", 400, target: "/a%00b"),
    get("a percent sign alone", 400, target: "/%"),
    get("half an escape", 400, target: "/%4"),
    get("an escape of other letters", 400, target: "/%zz"),
    get("an escape with a sign", 400, target: "/%+1"),
    get("bytes that are not UTF-8", 400, target: "/%ff"),
    get("dot segments", 400, target: "/a/../b"),
    get("encoded dot segments", 400, target: "/a/%2e%2E/b"),
    get("dot segments behind an encoded slash", 400, target: "/a%2f..%2fb"),
    get("a single dot", 400, target: "/./b"),
    get("a fragment", 400, target: "/a#b"),
    get("raw letters beyond ASCII", 400, target: "/\u{E4}"),
    get("no slash", 400, target: "a"),
    get("an asterisk", 400, target: "*"),
    get("another scheme", 400, target: "ftp://a/b"),
    get("credentials in the target", 400, target: "http://u:p@a/b"),
    get("a bad query", 400, target: "/?a=%f"),
    get("a target that is too long", 414, target: "/" + String(repeating: "a", count: 9000)),
    BadHead(
      "an expectation nobody knows", 417,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n"),
    BadHead(
      "too many headers", 431,
      "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: a\r\n", count: 101) + "\r\n"),
    BadHead(
      "a header that is too large", 431,
      "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 20_000) + "\r\n\r\n"),
    BadHead(
      "a head without an end", 431,
      "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 40_000)),
  ]

  static func handshake(
    _ name: String, _ status: Int, method: String = "GET", version: String = "1.1",
    _ changes: [String: String?]
  ) -> BadHead {
    var headers: [String: String?] = [
      "Upgrade": "websocket", "Connection": "Upgrade",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
    ]
    for (name, value) in changes { headers[name] = .some(value) }
    let lines = headers.sorted { $0.key < $1.key }.compactMap { name, value in
      value.map { "\(name): \($0)\r\n" }
    }
    return BadHead(name, status, "\(method) / HTTP/\(version)\r\nHost: a\r\n\(lines.joined())\r\n")
  }

  static let handshakes: [BadHead] = [
    handshake("version 8", 426, ["Sec-WebSocket-Version": "8"]),
    handshake("no version", 426, ["Sec-WebSocket-Version": nil]),
    handshake("versions in a list", 426, ["Sec-WebSocket-Version": "13, 8"]),
    handshake("POST", 405, method: "POST", ["Content-Length": "0"]),
    handshake("HEAD", 405, method: "HEAD", [:]),
    handshake("HTTP/1.0", 400, version: "1.0", [:]),
    handshake("no key", 400, ["Sec-WebSocket-Key": nil]),
    handshake("a short key", 400, ["Sec-WebSocket-Key": "dGhlIHNhbXBsZSA="]),
    handshake("a key of other letters", 400, ["Sec-WebSocket-Key": "dGhlIHNhbXBs!SBub25jZQ=="]),
    handshake("a long key", 400, ["Sec-WebSocket-Key": String(repeating: "A", count: 400)]),
    handshake("no Connection", 400, ["Connection": nil]),
    handshake("Connection: close", 400, ["Connection": "close"]),
    handshake("a body", 400, ["Content-Length": "5"]),
  ]
}

@Suite("Heads") @EventLoop struct RequestHeadTests {
  @Test(
    "that could be read in two ways, or not at all, are refused and end the connection",
    arguments: BadHead.smuggling + BadHead.lines + BadHead.handshakes)
  func refused(_ head: BadHead) async throws {
    try await withSocket { delegate, socket in
      let toHead = head.text.hasPrefix("HEAD")
      try await socket.send(head.text)
      let answer = try await socket.receiveAnswer(toHead: toHead)
      #expect(answer.status == head.status)
      #expect(answer.headers["connection"] == "close")
      #expect(answer.headers["content-type"] == "application/problem+json")
      if answer.status == 426 { #expect(answer.headers["sec-websocket-version"] == "13") }
      if !toHead { #expect(try await socket.receiveToEnd().isEmpty) }
      // Neither the request nor what was hidden in it came through.
      #expect(delegate.requests.isEmpty)
    }
  }

  @Test("are decoded once, in every part")
  func decoded() async throws {
    try await withSocket { delegate, socket in
      let answer = try await socket.exchange(
        "GET /a%20b/%C3%A4%252e?x=1+2&y=%26&x=3&flag HTTP/1.1\r\nhOsT: a:80\r\n"
          + "Cookie: a=b\r\nCookie: c=d\r\nX-Other: e\r\nAccept: \t text/html \r\n\r\n")
      #expect(answer.status == 200)
      let request = try #require(delegate.requests.first)
      #expect(request.path == "/a b/\u{E4}%2e")
      #expect(request.query.map(\.name) == ["x", "y", "x", "flag"])
      #expect(request.query.map(\.value) == ["1 2", "&", "3", ""])
      #expect(request.headers == ["host": "a:80", "cookie": "a=b; c=d", "accept": "text/html"])
      #expect(request.contentLength == nil)
      #expect(request.peer == "127.0.0.1")
    }
  }

  @Test("in absolute form name their own host")
  func absoluteForm() async throws {
    try await withSocket { delegate, socket in
      for target in ["http://b:81/x?y", "http://b"] {
        let answer = try await socket.exchange("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.status == 200)
      }
      #expect(delegate.requests.map(\.path) == ["/x", "/"])
      #expect(delegate.requests.map { $0.headers["host"] } == ["b:81", "b"])
    }
  }

  @Test("may come a byte at a time")
  func byteByByte() async throws {
    try await withSocket { _, socket in
      for byte in "\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n".utf8 { try await socket.send([byte]) }
      #expect(try await socket.receiveAnswer().text == "/slow")
    }
  }

  @Test("of HTTP/1.0 are answered, and the connection ends")
  func oldVersion() async throws {
    try await withSocket { _, socket in
      let answer = try await socket.exchange(
        "GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
      #expect(answer.text == "/old" && answer.headers["connection"] == "close")
      #expect(try await socket.receiveToEnd().isEmpty)
    }
  }

  @Test("that offer h2c are answered over HTTP/1.1")
  func h2c() async throws {
    try await withSocket { _, socket in
      let answer = try await socket.exchange(
        "GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
          + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
      #expect(answer.status == 200 && answer.text == "/plain")
      #expect(try await socket.exchange("GET /on HTTP/1.1\r\nHost: a\r\n\r\n").text == "/on")
    }
  }
}

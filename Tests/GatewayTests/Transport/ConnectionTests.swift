import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("WebSocket connections") @EventLoop struct ConnectionTests {
  /// A server whose only session is `echo`, and a client of it.
  static func withClient(
    limits: Limits = Limits(), receiveBuffer: Int? = nil,
    _ body: @EventLoop (Echo, WebSocketClient, WebSocketServer) async throws -> Void
  ) async throws {
    try await withServer(limits: limits) { delegate, server, port in
      let echo = Echo()
      delegate.judging = { _ in .accept(subprotocol: nil, echo) }
      let client = try await WebSocketClient.connect(to: port, receiveBuffer: receiveBuffer)
      #expect(await eventually { echo.connection != nil })
      try await body(echo, client, server)
    }
  }

  // MARK: Handshakes

  @Test("echo a subprotocol that both know, and ignore others")
  func subprotocols() async throws {
    try await withServer { _, _, port in
      let known = try await WebSocketClient.connect(
        to: port, subprotocols: ["chat", "centrifuge-json", "x"])
      #expect(known.subprotocol == "centrifuge-json")
      try await known.send("a")
      #expect(try await known.nextText() == "a")
      let unknown = try await WebSocketClient.connect(to: port, subprotocols: ["chat"])
      #expect(unknown.subprotocol == nil)
      try await unknown.send("b")
      #expect(try await unknown.nextText() == "b")
    }
  }

  @Test("are opened whatever extensions are offered")
  func extensions() async throws {
    try await withServer { _, _, port in
      for offer in [
        "permessage-deflate; server_max_window_bits=9", String(repeating: "x", count: 900),
      ] {
        let client = try await WebSocketClient.connect(
          to: port, headers: [("Sec-WebSocket-Extensions", offer)])
        try await client.send("a")
        #expect(try await client.nextText() == "a")
      }
    }
  }

  @Test(
    "are judged with path, query and headers, and refused with an answer",
    arguments: [401, 404, 429])
  func refusal(status: Int) async throws {
    try await withServer { delegate, server, port in
      delegate.judging = { request in
        #expect(request.path == "/socket" && request.parameter("a") == "b")
        #expect(request.headers["origin"] == "https://a.example")
        return .refuse(
          Response(
            status, headers: [("retry-after", "7")], body: .bytes(Array("no entry".utf8))))
      }
      let error = await #expect(throws: WebSocketClient.Failure.self) {
        _ = try await WebSocketClient.connect(
          to: port, path: "/socket?a=b", headers: [("Origin", "https://a.example")])
      }
      guard case .refused(let answer) = error else {
        Issue.record("not refused")
        return
      }
      #expect(answer.status == status && answer.text == "no entry")
      #expect(answer.headers["connection"] == "close" && answer.headers["retry-after"] == "7")
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("are not opened for those who send frames before the answer")
  func tooEager() async throws {
    try await withServer { delegate, _, port in
      let socket = try await RawSocket.connect(to: port)
      let head = BadHead.handshake("", 101, [:]).text
      try await socket.send(Array(head.utf8) + WebSocketClient.frame(.text, [0x61]))
      #expect(try await socket.receiveAnswer().status == 400)
      #expect(delegate.requests.isEmpty)
    }
  }

  // MARK: Messages

  @Test("carry messages of every length", arguments: [0, 1, 125, 126, 512, 513, 65_535, 65_536])
  func lengths(_ length: Int) async throws {
    try await Self.withClient { _, client, _ in
      let text = String(repeating: "a", count: length)
      try await client.send(text)
      #expect(try await client.nextText() == text)
    }
  }

  @Test("join fragments, with control frames between them")
  func fragments() async throws {
    try await Self.withClient { _, client, _ in
      let parts = ["gr\u{FC}", "\u{DF}", "e, ", String(repeating: "x", count: 3000)]
      // A character is cut in two, as senders may.
      let bytes = Array(parts.joined().utf8)
      try await client.send(.text, Array(bytes[..<3]), final: false)
      try await client.ping([1, 2, 3])
      #expect(try await client.receive() == .pong([1, 2, 3]))
      try await client.send(.continuation, Array(bytes[3..<2000]), final: false)
      try await client.send(.continuation, [], final: false)
      try await client.send(.continuation, Array(bytes[2000...]))
      #expect(try await client.nextText() == parts.joined())
    }
  }

  @Test("answer pings of up to 125 bytes, and take pongs that nobody asked for")
  func pings() async throws {
    try await Self.withClient { _, client, _ in
      for length in [0, 1, 125] {
        let payload = [UInt8](repeating: 7, count: length)
        try await client.ping(payload)
        #expect(try await client.receive() == .pong(payload))
      }
      try await client.pong([1])
      try await client.send("on")
      #expect(try await client.nextText() == "on")
    }
  }

  struct Violation: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let code: UInt16
  }

  nonisolated static let violations: [Violation] = [
    .init(
      testDescription: "text that is not UTF-8", bytes: WebSocketClient.frame(.text, [0x61, 0xFF]),
      code: 1007),
    .init(
      testDescription: "a surrogate", bytes: WebSocketClient.frame(.text, [0xED, 0xA0, 0x80]),
      code: 1007),
    .init(
      testDescription: "a character cut off", bytes: WebSocketClient.frame(.text, [0xC3]),
      code: 1007),
    .init(
      testDescription: "a reserved bit", bytes: WebSocketClient.frame(.text, [0x61], reserved: 4),
      code: 1002),
    .init(
      testDescription: "a reserved bit on a ping",
      bytes: WebSocketClient.frame(.ping, [], reserved: 4), code: 1002),
    .init(
      testDescription: "a reserved bit on a continuation",
      bytes: WebSocketClient.frame(.text, [0x61], final: false)
        + WebSocketClient.frame(.continuation, [0x61], reserved: 4), code: 1002),
    .init(
      testDescription: "a reserved opcode",
      bytes: WebSocketClient.frame(.init(rawValue: 3), [0x61]), code: 1002),
    .init(
      testDescription: "a reserved control opcode",
      bytes: WebSocketClient.frame(.init(rawValue: 11), []), code: 1002),
    .init(
      testDescription: "a fragmented ping", bytes: WebSocketClient.frame(.ping, [], final: false),
      code: 1002),
    .init(
      testDescription: "a continuation of nothing",
      bytes: WebSocketClient.frame(.continuation, [0x61]), code: 1002),
    .init(
      testDescription: "a message inside a message",
      bytes: WebSocketClient.frame(.text, [0x61], final: false)
        + WebSocketClient.frame(.text, [0x61]), code: 1002),
    .init(
      testDescription: "close code 5000", bytes: WebSocketClient.frame(.close, [0x13, 0x88]),
      code: 1002),
    .init(
      testDescription: "close code 1005", bytes: WebSocketClient.frame(.close, [0x03, 0xED]),
      code: 1002),
    .init(
      testDescription: "close code 999", bytes: WebSocketClient.frame(.close, [0x03, 0xE7]),
      code: 1002),
    .init(
      testDescription: "close code 0", bytes: WebSocketClient.frame(.close, [0, 0]), code: 1002),
    .init(
      testDescription: "half a close code", bytes: WebSocketClient.frame(.close, [3]), code: 1002),
    .init(
      testDescription: "a message that is too large",
      bytes: WebSocketClient.frame(.text, [UInt8](repeating: 0x61, count: 65_537)), code: 1009),
    .init(
      testDescription: "fragments that are too large together",
      bytes: WebSocketClient.frame(.text, [UInt8](repeating: 0x61, count: 40_000), final: false)
        + WebSocketClient.frame(.continuation, [UInt8](repeating: 0x61, count: 40_000)), code: 1009),
    .init(
      testDescription: "a frame that says it is 2^62 bytes",
      bytes: [0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]
        + [UInt8](repeating: 0, count: 600), code: 1009),
    // Such a frame is taken for what it is not by some; what follows must not become its payload.
    .init(
      testDescription: "an unmasked empty frame with a long length",
      bytes: [0x82, 126, 0, 0] + [UInt8](repeating: 0x61, count: 600), code: 1002),
  ]

  @Test("end with the code that names what the client did", arguments: violations)
  func violation(_ violation: Violation) async throws {
    try await Self.withClient { echo, client, server in
      try await client.socket.send(violation.bytes)
      guard case .close(let code, _) = try await client.receive() else {
        Issue.record("no close frame")
        return
      }
      #expect(code == violation.code)
      client.socket.close()
      #expect(await echo.closed.happens())
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  // MARK: Closing

  @Test("answer the close codes of a client", arguments: [1000, 1001, 3000, 4999] as [UInt16])
  func peerCloses(code: UInt16) async throws {
    try await Self.withClient { echo, client, server in
      let answer = try await client.close(code: code, reason: "bye")
      #expect(answer == .close(code: code, reason: "bye"))
      #expect(await echo.closed.happens())
      #expect(server.webSocketCount == 0)
    }
  }

  @Test("take a close frame without a code")
  func peerClosesWithoutCode() async throws {
    try await Self.withClient { echo, client, _ in
      try await client.sendClose(code: nil)
      #expect(try await client.receive() == .close(code: 1005, reason: ""))
      #expect(try await client.socket.receiveToEnd().isEmpty)
      #expect(await echo.closed.happens())
    }
  }

  @Test("close with our code after what was sent, and send nothing after it")
  func weClose() async throws {
    try await Self.withClient { echo, client, server in
      let connection = try #require(echo.connection)
      connection.send([PreparedFrame(text: "last".utf8)])
      connection.close(code: 3005, reason: String(repeating: "\u{E4}", count: 100))
      connection.send([PreparedFrame(text: "late".utf8)])
      connection.close(code: 3000, reason: "again")
      #expect(try await client.receive() == .text("last"))
      let reason = String(repeating: "\u{E4}", count: 61)
      #expect(try await client.receive() == .close(code: 3005, reason: reason))
      try await client.sendClose(code: 3005)
      #expect(try await client.socket.receiveToEnd().isEmpty)
      #expect(await echo.closed.happens())
      #expect(server.webSocketCount == 0)
    }
  }

  @Test("close in the middle of a message they received, and ignore what follows")
  func closeWhileReceiving() async throws {
    try await Self.withClient { echo, client, _ in
      var received = 0
      echo.receiving = { _ in
        received += 1
        echo.connection?.close(code: 4500, reason: "enough")
      }
      for _ in 0..<10 { try await client.send("x") }
      #expect(try await client.receive() == .close(code: 4500, reason: "enough"))
      try await client.sendClose(code: 4500)
      #expect(await echo.closed.happens())
      #expect(received == 1)
    }
  }

  @Test("end though the peer never answers our close", arguments: [false, true])
  func unansweredClose(readsNothing: Bool) async throws {
    var limits = Limits()
    limits.closeDeadline = .milliseconds(300)
    try await Self.withClient(limits: limits, receiveBuffer: 65_536) { echo, client, server in
      let connection = try #require(echo.connection)
      if readsNothing {
        let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
        while !connection.isBehind { connection.send([frame]) }
      }
      connection.close(code: 3008, reason: "slow")
      #expect(await echo.closed.happens())
      #expect(server.webSocketCount == 0)
      client.socket.close()
    }
  }

  @Test("tell when the client vanishes", arguments: [true, false])
  func vanishing(byReset: Bool) async throws {
    try await Self.withClient { echo, client, server in
      if byReset { client.socket.reset() } else { client.socket.close() }
      #expect(await echo.closed.happens())
      #expect(server.connectionCount == 0)
      echo.connection?.send([PreparedFrame(text: "late".utf8)])
    }
  }

  @Test("tell when the client vanishes in the middle of a frame we sent")
  func vanishingWhileBehind() async throws {
    try await Self.withClient(receiveBuffer: 65_536) { echo, client, server in
      let connection = try #require(echo.connection)
      let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
      while !connection.isBehind { connection.send([frame]) }
      client.socket.reset()
      #expect(await echo.closed.happens())
      #expect(server.connectionCount == 0)
    }
  }

  // MARK: Slow readers

  @Test("keep every frame whole and in order for a reader that stalls among pings")
  func stalledReader() async throws {
    try await Self.withClient(receiveBuffer: 65_536) { echo, client, _ in
      let connection = try #require(echo.connection)
      let total = 2500
      var next = 0
      var timesBehind = 0
      func frame(_ number: Int) -> PreparedFrame {
        let filler = String(repeating: "x", count: number * 37 % 15_000)
        return PreparedFrame(text: "\(number):\(filler)".utf8)
      }
      @EventLoop func sendOn() {
        while next < total, !connection.isBehind {
          // By ones and in batches, as sessions do.
          let batch = next.isMultiple(of: 3) ? min(5, total - next) : 1
          connection.send((next..<(next + batch)).map(frame))
          next += batch
          if connection.isBehind { timesBehind += 1 }
        }
      }
      echo.drained = { sendOn() }
      sendOn()
      #expect(connection.isBehind)
      for number in 0..<20 { try await client.ping([UInt8(number)]) }
      var expected = 0
      var pongs = 0
      while expected < total {
        switch try await client.receive() {
        case .text(let text):
          guard text.hasPrefix("\(expected):"), text.utf8.count == frame(expected).payload.count
          else {
            Issue.record("frame \(expected) is not whole, or not in order")
            return
          }
          expected += 1
          if expected.isMultiple(of: 250) { try await client.ping([0xFF]) }
        case .pong: pongs += 1
        case let other:
          Issue.record("\(other)")
          return
        }
      }
      #expect(timesBehind > 1)
      #expect(pongs > 0)
      #expect(try await client.close() == .close(code: 1000, reason: ""))
    }
  }

  @Test("say that they are behind, and when not any more, once")
  func drained() async throws {
    try await Self.withClient(receiveBuffer: 65_536) { echo, client, _ in
      let connection = try #require(echo.connection)
      var drains = 0
      let drained = Signal()
      echo.drained = {
        drains += 1
        drained.fire()
      }
      let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
      var sent = 0
      while !connection.isBehind {
        connection.send([frame])
        sent += 1
      }
      for _ in 0..<sent { #expect(try await client.nextText().utf8.count == 60_000) }
      #expect(await drained.happens())
      #expect(!connection.isBehind)
      try await client.send("ping")
      #expect(try await client.nextText() == "ping")
      #expect(drains == 1)
    }
  }

  @Test("close after all that is pending, even to a reader that was stalled")
  func closeWhileBehind() async throws {
    try await Self.withClient(receiveBuffer: 65_536) { echo, client, _ in
      let connection = try #require(echo.connection)
      let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
      var sent = 0
      while !connection.isBehind {
        connection.send([frame])
        sent += 1
      }
      connection.close(code: 3001, reason: "shutdown")
      for _ in 0..<sent { #expect(try await client.nextText().utf8.count == 60_000) }
      #expect(try await client.nextMessage() == .close(code: 3001, reason: "shutdown"))
    }
  }

  // MARK: Back-pressure towards the client

  @Test("read no further while paused, and lose nothing")
  func pausing() async throws {
    try await Self.withClient { echo, client, _ in
      let connection = try #require(echo.connection)
      var received: [String] = []
      let gotOne = Signal()
      let gotAll = Signal()
      echo.receiving = { message in
        received.append(String(decoding: message, as: UTF8.self))
        connection.pauseReading()
        gotOne.fire()
        if received.count == 200 { gotAll.fire() }
      }
      // In one write, so that many are in one read.
      try await client.socket.send(
        (0..<200).flatMap { WebSocketClient.frame(.text, Array("\($0)".utf8)) })
      #expect(await gotOne.happens())
      #expect(received == ["0"])
      let resume = LoopTimer(every: .milliseconds(1)) { connection.resumeReading() }
      #expect(await gotAll.happens())
      resume.stop()
      #expect(received == (0..<200).map(String.init))
      // The sender is stopped by the kernel in the end, not kept in our memory.
      connection.pauseReading()
      let flood = WebSocketClient.frame(.text, [UInt8](repeating: 0x61, count: 60_000))
      var fullTurns = 0
      var sent = 0
      while fullTurns < 20, sent < 64 << 20 {
        let count = client.socket.sendSome(flood[...])
        sent += count
        fullTurns = count == 0 ? fullTurns + 1 : 0
        await turn()
      }
      #expect(fullTurns == 20)
      #expect(received.count == 200)
    }
  }

  @Test("resume without another byte from the client")
  func resumingQuietly() async throws {
    try await Self.withClient { echo, client, _ in
      let connection = try #require(echo.connection)
      let first = Signal()
      let second = Signal()
      echo.receiving = { _ in
        if first.hasFired { second.fire() }
        first.fire()
        connection.pauseReading()
      }
      try await client.socket.send(
        WebSocketClient.frame(.text, [0x61]) + WebSocketClient.frame(.text, [0x62]))
      #expect(await first.happens())
      connection.resumeReading()
      #expect(await second.happens())
    }
  }

  @Test("are let go whole: a thousand come and go, and nothing of them is left")
  func churn() async throws {
    try await withServer { delegate, server, port in
      weak var last: Connection?
      var opened = 0
      delegate.judging = { _ in
        let echo = Echo()
        echo.opened = { connection in
          opened += 1
          last = connection as? Connection
        }
        return .accept(subprotocol: nil, echo)
      }
      for number in 0..<1000 {
        let client = try await WebSocketClient.connect(to: port)
        switch number % 4 {
        case 0: client.socket.reset()
        case 1: client.socket.close()
        case 2: try await client.close()
        default:
          try await client.sendClose()
          client.socket.close()
        }
      }
      #expect(opened == 1000)
      #expect(await eventually { server.connectionCount == 0 })
      #expect(await eventually { last == nil })
    }
  }
}

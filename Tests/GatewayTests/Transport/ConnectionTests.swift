import EventLoop
import Foundation
import Support
import Testing

@testable import Gateway

@Suite("WebSocket connections") @EventLoop struct ConnectionTests {
  // MARK: Closing

  @Test("answer the close codes of a client", arguments: [1000, 1001, 3000, 4999] as [UInt16])
  func peerCloses(code: UInt16) async throws {
    try await withClient { echo, client, server in
      let answer = try await client.close(code: code, reason: "bye")
      #expect(answer == .close(code: code, reason: "bye"))
      #expect(await echo.closed.happens())
      #expect(server.webSocketCount == 0)
    }
  }

  @Test("take a close frame without a code")
  func peerClosesWithoutCode() async throws {
    try await withClient { echo, client, _ in
      try await client.sendClose(code: nil)
      #expect(try await client.receive() == .close(code: 1005, reason: ""))
      #expect(try await client.socket.receiveToEnd().isEmpty)
      #expect(await echo.closed.happens())
    }
  }

  @Test("close with our code after what was sent, and send nothing after it")
  func weClose() async throws {
    try await withClient { echo, client, server in
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
    try await withClient { echo, client, _ in
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
    var limits = Limits.patient
    limits.closeDeadline = .milliseconds(300)
    try await withClient(limits: limits, receiveBuffer: 65_536) { echo, client, server in
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
    try await withClient { echo, client, server in
      if byReset { client.socket.reset() } else { client.socket.close() }
      #expect(await echo.closed.happens())
      #expect(server.connectionCount == 0)
      echo.connection?.send([PreparedFrame(text: "late".utf8)])
    }
  }

  @Test("tell when the client vanishes in the middle of a frame we sent")
  func vanishingWhileBehind() async throws {
    try await withClient(receiveBuffer: 65_536) { echo, client, server in
      let connection = try #require(echo.connection)
      let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 60_000))
      while !connection.isBehind { connection.send([frame]) }
      client.socket.reset()
      #expect(await echo.closed.happens())
      #expect(server.connectionCount == 0)
    }
  }

  // MARK: Slow readers

  @Test("are behind before the kernel holds much for a reader that has stopped")
  func boundedInTheKernel() async throws {
    try await withClient(receiveBuffer: 4096) { echo, _, _ in
      let connection = try #require(echo.connection)
      let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: 1000))
      var count = 0
      while !connection.isBehind, count < 10_000 {
        connection.send([frame])
        count += 1
      }
      // By itself the kernel takes megabytes, all of it older than what comes then.
      #expect(count < 300)
    }
  }

  @Test("keep every frame whole and in order for a reader that stalls among pings")
  func stalledReader() async throws {
    try await withClient(receiveBuffer: 65_536) { echo, client, _ in
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
    try await withClient(receiveBuffer: 65_536) { echo, client, _ in
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
    try await withClient(receiveBuffer: 65_536) { echo, client, _ in
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
    try await withClient { echo, client, _ in
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
    try await withClient { echo, client, _ in
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

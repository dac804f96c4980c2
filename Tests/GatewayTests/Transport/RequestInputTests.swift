import Testing

@testable import Gateway

@Suite("What a connection has read") struct RequestInputTests {
  private let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  private func input(_ text: String) -> RequestInput {
    var input = RequestInput()
    Array(text.utf8).withUnsafeBufferPointer { input.append($0) }
    return input
  }

  @Test("gives heads one by one, and what came behind them")
  func heads() throws {
    var input = input(head + head + "body")
    #expect(try input.takeHead(from: "p", limits: Limits()) != nil)
    #expect(try input.takeHead(from: "p", limits: Limits()) != nil)
    #expect(input.take(limit: 3) == Array("bod".utf8))
    #expect(input.take(limit: 3) == Array("y".utf8))
    #expect(input.take(limit: 3) == nil)
  }

  @Test("keeps the beginning of a head until the rest has come")
  func parts() throws {
    var input = input(String(head.prefix(20)))
    #expect(!input.hasBegun)
    #expect(try input.takeHead(from: "p", limits: Limits()) == nil)
    #expect(input.hasBegun)
    Array(head.dropFirst(20).utf8).withUnsafeBufferPointer { input.append($0) }
    #expect(try input.takeHead(from: "p", limits: Limits())?.request.path == "/")
    #expect(input.isEmpty && !input.hasBegun)
  }

  @Test("refuses a head over its limit, whole or not")
  func limit() {
    var limits = Limits()
    limits.headSize = 24
    for text in [head, String(head.prefix(25))] {
      var input = input(text)
      #expect(throws: Refusal(431, "The head is too large.")) {
        try input.takeHead(from: "p", limits: limits)
      }
    }
  }
}

import Testing

@testable import Gateway

@Suite("A reader of forms") struct MultipartReaderTests {
  private static let text = [
    "a preamble that nobody reads", "--XX  ", "Content-Disposition: form-data; name=\"title\"", "", "Hello", "--XX",
    "content-disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".png\"", "Content-Type: image/png", "",
    "\r\n--X\r\n-\r\n--", "--XX--", "an epilogue",
  ].joined(separator: "\r\n")

  private static let expected: [MultipartReader.Event] = [
    .part(name: "title", fileName: nil, contentType: nil), .data(Array("Hello".utf8)), .end,
    .part(name: "file", fileName: "a \"b\".png", contentType: "image/png"),
    .data(Array("\r\n--X\r\n-\r\n--".utf8)), .end,
  ]

  /// Pieces of data that follow each other, joined.
  private func joined(_ events: [MultipartReader.Event]) -> [MultipartReader.Event] {
    events.reduce(into: []) { joined, event in
      if case .data(let more) = event, case .data(let before)? = joined.last {
        joined[joined.count - 1] = .data(before + more)
      } else {
        joined.append(event)
      }
    }
  }

  @Test("reads the same however the form is cut", arguments: 1...40)
  func cuts(size: Int) throws {
    var reader = try #require(MultipartReader(contentType: "Multipart/Form-Data; charset=utf-8; boundary=\"XX\""))
    var events: [MultipartReader.Event] = []
    var rest = Array(Self.text.utf8)[...]
    while !rest.isEmpty {
      events += try reader.feed(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    #expect(joined(events) == Self.expected)
    #expect(reader.isWhole)
  }

  @Test("holds less than a delimiter of what it has read")
  func memory() throws {
    var reader = try #require(MultipartReader(contentType: "multipart/form-data; boundary=XX"))
    _ = try reader.feed(Array("--XX\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n".utf8))
    var out = 0
    for _ in 0..<100 {
      for case .data(let bytes) in try reader.feed(Array(repeating: 13, count: 1000)) { out += bytes.count }
    }
    #expect(out > 100_000 - 10)
    #expect(!reader.isWhole)
  }

  @Test(
    "is none for other bodies",
    arguments: [
      "", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
      "multipart/mixed; boundary=XX", "multipart/form-data; boundary=" + String(repeating: "x", count: 71),
    ])
  func others(type: String) { #expect(MultipartReader(contentType: type) == nil) }

  @Test(
    "refuses what is no form",
    arguments: [
      "--XXmore\r\n\r\n", "--XX\r\nno head\r\n\r\n", "--XX\r\n\r\nno name",
      "--XX\r\ncontent-disposition: attachment; name=a\r\n\r\n",
      "--XX\r\ncontent-disposition: form-data\r\n\r\n",
      "--XX\r\ncontent-disposition: form-data; name=a\r\ncontent-transfer-encoding: base64\r\n\r\n",
      "--XX\r\n" + String(repeating: "a", count: 9000),
    ])
  func faults(text: String) throws {
    var reader = try #require(MultipartReader(contentType: "multipart/form-data; boundary=XX"))
    #expect(throws: MultipartReader.Fault.self) { _ = try reader.feed(Array(text.utf8)) }
  }
}

import Support
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

  private typealias Outcome = Result<[MultipartReader.Event], MultipartReader.Fault>

  /// What a form comes to, cut into pieces of these sizes in turn; a piece after the last size is the rest.
  private func outcome(of form: [UInt8], cutBy sizes: [Int]) throws -> Outcome {
    var reader = try #require(MultipartReader(contentType: "multipart/form-data; boundary=XX"))
    var events: [MultipartReader.Event] = []
    var rest = form[...]
    var sizes = sizes[...]
    while !rest.isEmpty {
      let size = sizes.popFirst() ?? rest.count
      do throws(MultipartReader.Fault) { events += try reader.feed(Array(rest.prefix(size))) } catch {
        return .failure(error)
      }
      rest = rest.dropFirst(size)
      #expect(reader.heldCount <= (8 << 10) + 3)
    }
    if reader.isWhole { events.append(.end) }
    return .success(joined(events))
  }

  /// A form that is right but for some bytes that are missing, doubled, changed or added.
  private func form(_ random: inout SeededRandom) -> [UInt8] {
    var form = Array(Self.text.utf8)
    if random.next() % 8 == 0 { form.insert(contentsOf: Array(repeating: 97, count: (8 << 10) - 30), at: 40) }
    let marks = [
      "\r\n", "\r", "\n", "--XX", "--", "\r\n\r\n", ":", ";", "\"", "\\", " ", "=", "\0", "\u{301}", "\u{FF}",
    ]
    for _ in 0..<Int.random(in: 0...4, using: &random) where form.count > 8 {
      let place = Int.random(in: 0..<form.count, using: &random)
      let end = min(form.count, place + Int.random(in: 1...6, using: &random))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: form.removeSubrange(place..<end)
      case 1: form.insert(contentsOf: form[place..<end], at: place)
      case 2: form[place] = UInt8.random(in: 0...255, using: &random)
      default: form.insert(contentsOf: Array(marks.randomElement(using: &random)!.utf8), at: place)
      }
    }
    return form
  }

  @Test("comes to the same with what is right and what is mutilated, however it is cut")
  func mutilated() throws {
    var refused = 0
    for seed in 1...150 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      let form = form(&random)
      let whole = try outcome(of: form, cutBy: [])
      if case .failure = whole { refused += 1 }
      for most in [1, 5, 300] {
        let sizes = form.map { _ in Int.random(in: 1...most, using: &random) }
        let cut = try outcome(of: form, cutBy: sizes)
        #expect(cut == whole, "seed \(seed), pieces of at most \(most): \(String(decoding: form, as: UTF8.self))")
      }
    }
    #expect((20...130).contains(refused), "of both there are enough")
  }

  @Test("finds the end of a name by its quotation mark, whatever stands beside it")
  func accents() throws {
    var reader = try #require(MultipartReader(contentType: "multipart/form-data; boundary=XX"))
    let head = "--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\u{301};b=\"; c\r\n\r\n"
    #expect(try reader.feed(Array(head.utf8)) == [.part(name: "a", fileName: "\u{301};b=", contentType: nil)])
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

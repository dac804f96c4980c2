import Foundation

/// Reads a body of `multipart/form-data` (RFC 7578, RFC 2046 §5.1) as it comes, in pieces cut anywhere.
///
/// A value: pieces go in, what they complete comes out. It holds less than a delimiter and a part's head.
struct MultipartReader {
  enum Event: Hashable {
    /// A part begins: its field, and its file's name where it has one.
    case part(name: String, fileName: String?, contentType: String?)
    case data([UInt8])
    /// The part is whole.
    case end
  }

  /// What is wrong with a body; a sentence's end: "the form …".
  struct Fault: Error, Hashable {
    let reason: String
  }

  private enum Phase { case preamble, delimiter, head, data, epilogue }

  private let delimiter: [UInt8]
  private var phase = Phase.preamble
  /// What is not read yet: a slice, of which the front is taken without moving the rest. A line's end stands for the one
  /// that the first delimiter does not have before it.
  private var buffer: ArraySlice<UInt8> = [13, 10]

  private static let headLimit = 8 << 10

  /// `contentType` is the header's whole value. Nil where that is no form, or names no boundary of 1 to 70 characters.
  init?(contentType: String) {
    let (type, parameters) = HeaderParameters.read(contentType)
    guard type == "multipart/form-data", let boundary = parameters["boundary"], (1...70).contains(boundary.utf8.count)
    else { return nil }
    delimiter = Array("\r\n--\(boundary)".utf8)
  }

  /// How many bytes wait for what follows them.
  var heldCount: Int { buffer.count }

  /// Whether the last delimiter has come.
  var isWhole: Bool { phase == .epilogue }

  mutating func feed(_ bytes: [UInt8]) throws(Fault) -> [Event] {
    buffer = buffer.isEmpty ? bytes[...] : (Array(buffer) + bytes)[...]
    var events: [Event] = []
    while try advance(&events) {}
    return events
  }

  /// One step; false where more bytes are needed.
  private mutating func advance(_ events: inout [Event]) throws(Fault) -> Bool {
    switch phase {
    case .epilogue:
      buffer = []
      return false
    case .preamble, .data:
      guard let start = find(delimiter) else {
        let safe = buffer.count - delimiter.count + 1
        if safe > 0 { take(safe, &events) }
        return false
      }
      take(start, &events)
      buffer.removeFirst(delimiter.count)
      if phase == .data { events.append(.end) }
      phase = .delimiter
    case .delimiter:
      // Spaces may stand behind a boundary (RFC 2046 §5.1.1).
      buffer = buffer.drop { $0 == 32 || $0 == 9 }
      guard buffer.count >= 2 else { return false }
      switch (buffer[buffer.startIndex], buffer[buffer.startIndex + 1]) {
      case (45, 45): phase = .epilogue
      case (13, 10):
        buffer.removeFirst(2)
        phase = .head
      default: throw Fault(reason: "has something else behind a boundary")
      }
    case .head:
      let hasNone = buffer.starts(with: [13, 10])
      let end = hasNone ? -2 : find([13, 10, 13, 10])
      // Where none has come it ends behind these bytes at the earliest: the same is too long however the form is cut.
      guard end ?? (buffer.count - 3) <= Self.headLimit else {
        throw Fault(reason: "has a part with a head that is too long")
      }
      guard let end else { return false }
      events.append(try Self.part(buffer.prefix(max(0, end))))
      buffer.removeFirst(end + 4)
      phase = .data
    }
    return true
  }

  private mutating func take(_ count: Int, _ events: inout [Event]) {
    if phase == .data, count > 0 { events.append(.data(Array(buffer.prefix(count)))) }
    buffer.removeFirst(count)
  }

  /// How many bytes stand before the first of these.
  private func find(_ wanted: [UInt8]) -> Int? {
    buffer.withUnsafeBytes { bytes in
      var start = 0
      while bytes.count - start >= wanted.count {
        let rest = bytes.baseAddress! + start
        guard let first = memchr(rest, Int32(wanted[0]), bytes.count - start - wanted.count + 1) else { return nil }
        start = UnsafeRawPointer(first) - bytes.baseAddress!
        if memcmp(first, wanted, wanted.count) == 0 { return start }
        start += 1
      }
      return nil
    }
  }

  private static func part(_ head: ArraySlice<UInt8>) throws(Fault) -> Event {
    var name: String?
    var fileName: String?
    var contentType: String?
    for line in String(decoding: head, as: UTF8.self).split(separator: "\r\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { throw Fault(reason: "has a part with a head that is none") }
      let value = String(parts[1].drop { $0 == " " || $0 == "\t" })
      switch parts[0].lowercased() {
      case "content-disposition":
        let (type, parameters) = HeaderParameters.read(value)
        guard type == "form-data" else { throw Fault(reason: "has a part that is no field") }
        (name, fileName) = (parameters["name"], parameters["filename"])
      case "content-type": contentType = value
      case "content-transfer-encoding" where !["7bit", "8bit", "binary"].contains(value.lowercased()):
        throw Fault(reason: "has a part in a transfer encoding, which forms have not")
      default: break
      }
    }
    guard let name else { throw Fault(reason: "has a part without a name") }
    return .part(name: name, fileName: fileName, contentType: contentType)
  }
}

/// A header's value with parameters: `form-data; name="a"; filename="b.png"` (RFC 9110 §5.6.6).
enum HeaderParameters {
  /// The value before the first semicolon and the names of the parameters are in lower case.
  static func read(_ text: String) -> (value: String, parameters: [String: String]) {
    var fields = [String.UnicodeScalarView()]
    var isQuoted = false
    var isEscaped = false
    // Not by characters: a quotation mark is one whatever accent follows.
    for character in text.unicodeScalars {
      if isEscaped {
        fields[fields.count - 1].append(character)
        isEscaped = false
      } else if isQuoted, character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == ";", !isQuoted {
        fields.append(String.UnicodeScalarView())
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    var parameters: [String: String] = [:]
    for field in fields.dropFirst() {
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { continue }
      parameters[trimmed(parts[0]).lowercased()] = trimmed(parts[1])
    }
    return (trimmed(fields[0][...]).lowercased(), parameters)
  }

  private static func trimmed(_ text: Substring.UnicodeScalarView) -> String {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }
}

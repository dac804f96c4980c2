/// The texts of an XML document by the names of their elements, as S3's answers need them: no attributes, no
/// namespaces, no nesting of an element in one of its name. Whatever it is given, it reads what looks like elements.
struct FlatXML {
  private let bytes: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

  private init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  /// The text of the first element of this name.
  func first(_ name: String) -> String? { elements(name, limit: 1).first?.text }

  /// What is within each element of this name, in order.
  func elements(_ name: String, limit: Int = .max) -> [FlatXML] {
    let opening = Array("<\(name)".utf8)
    let closing = Array("</\(name)>".utf8)
    var found: [FlatXML] = []
    var place = bytes.startIndex
    while found.count < limit, let start = index(of: opening, from: place) {
      let nameEnd = start + opening.count
      guard nameEnd < bytes.endIndex, let tagEnd = bytes[nameEnd...].firstIndex(of: UInt8(ascii: ">")) else { break }
      place = tagEnd + 1
      // Another name that begins alike, or an element without a text.
      let next = bytes[nameEnd]
      guard next == UInt8(ascii: ">") || next == UInt8(ascii: " "), bytes[tagEnd - 1] != UInt8(ascii: "/") else {
        continue
      }
      guard let end = index(of: closing, from: place) else { break }
      found.append(FlatXML(bytes[place..<end]))
      place = end + closing.count
    }
    return found
  }

  /// What stands here, with the five entities of XML and those by number resolved.
  var text: String {
    var text = ""
    var rest = String(decoding: bytes, as: UTF8.self)[...]
    while let start = rest.firstIndex(of: "&"), let end = rest[start...].firstIndex(of: ";") {
      text += rest[..<start]
      text += Self.character(rest[rest.index(after: start)..<end]) ?? String(rest[start...end])
      rest = rest[rest.index(after: end)...]
    }
    return text + rest
  }

  private static func character(_ name: Substring) -> String? {
    switch name {
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    default:
      guard name.hasPrefix("#") else { return nil }
      let number = name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : UInt32(name.dropFirst())
      return number.flatMap(Unicode.Scalar.init).map { String(Character($0)) }
    }
  }

  private func index(of pattern: [UInt8], from start: Int) -> Int? {
    var place = start
    while let candidate = bytes[place...].firstIndex(of: pattern[0]) {
      if bytes[candidate...].starts(with: pattern) { return candidate }
      place = candidate + 1
    }
    return nil
  }
}

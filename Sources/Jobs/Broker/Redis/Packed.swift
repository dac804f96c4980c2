/// A list of texts in one, each as `<length>:<bytes>`: what the scripts can build without looking
/// at the bytes, and what stands in one field of the next such list.
struct Packed {
  private var rest: ArraySlice<UInt8>

  /// Reads a list from its start.
  init(_ bytes: some Sequence<UInt8>) { rest = ArraySlice(bytes) }

  /// The next text; nil at the end, and where the list is broken.
  mutating func next() -> ArraySlice<UInt8>? {
    guard let colon = rest.firstIndex(of: UInt8(ascii: ":")),
      let length = Int(String(decoding: rest[..<colon], as: UTF8.self)), length >= 0,
      length < rest.endIndex - colon
    else { return nil }
    let start = colon + 1
    defer { rest = rest[(start + length)...] }
    return rest[start..<(start + length)]
  }

  /// The next text; nil where it is empty, and at the end.
  mutating func nextText() -> String? {
    guard let bytes = next(), !bytes.isEmpty else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Packs texts; nil as an empty one.
  static func pack(_ texts: [UInt8]?...) -> [UInt8] {
    var bytes: [UInt8] = []
    for text in texts {
      bytes += "\(text?.count ?? 0):".utf8
      if let text { bytes += text }
    }
    return bytes
  }
}

extension Progress {
  /// Stage, message and details; percent is kept beside them, as a number.
  var packed: [UInt8] {
    Packed.pack(stage.map { Array($0.utf8) }, message.map { Array($0.utf8) }, details?.bytes)
  }

  /// Reads what ``packed`` wrote; `permille` below 0 is no percent.
  init(packed bytes: some Sequence<UInt8>, permille: Int) {
    var list = Packed(bytes)
    self.init(
      percent: permille < 0 ? nil : Double(permille) / 10, stage: list.nextText(),
      message: list.nextText(),
      details: list.next().flatMap { $0.isEmpty ? nil : JSONText(unchecked: Array($0)) })
  }
}

extension JobFailure {
  /// The most bytes of a message.
  private static let messageLimit = 4 << 10

  /// Code and message, the message cut to what a broker keeps.
  var packed: [UInt8] {
    Packed.pack(Array(code.utf8), Array(message.cut(toBytes: Self.messageLimit).utf8))
  }

  /// Nil for nothing.
  init?(packed bytes: some Sequence<UInt8>) {
    var list = Packed(bytes)
    guard let code = list.nextText() else { return nil }
    self.init(code: code, message: list.nextText() ?? "")
  }
}

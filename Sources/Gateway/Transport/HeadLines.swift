/// The lines of a head, one after the other.
///
/// They end with CRLF; a CR or LF alone, or a NUL, is refused. Empty ones are passed over.
struct HeadLines {
  private let text: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// `text` must stay for as long as the lines are looked at.
  init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

  /// The next line without its end; nil behind the last.
  mutating func next() throws(Refusal) -> UnsafeBufferPointer<UInt8>? {
    var start = position
    while position < text.count {
      switch text[position] {
      case 0x0D:
        guard position + 1 < text.count, text[position + 1] == 0x0A else {
          throw Refusal(400, "A carriage return stands alone.")
        }
        let line = start..<position
        position += 2
        if !line.isEmpty { return UnsafeBufferPointer(rebasing: text[line]) }
        start = position
      case 0x0A: throw Refusal(400, "A line must end with CR and LF.")
      case 0: throw Refusal(400, "The head has a NUL.")
      default: position += 1
      }
    }
    return nil
  }
}

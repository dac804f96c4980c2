/// Looks through a client's frames on their way to libwebsockets, which reads them without showing them.
///
/// A head that RFC 6455 forbids (§5.1, §5.2, §5.4, §5.5) ends the stream here; the library would take some,
/// and of others lose its place. Pings are taken out and become pongs of ours: the library forgets those that come while it owes another, and answers after what
/// was written meanwhile. A value: it sees bytes, and keeps at most one ping and ``pongLimit``.
struct FrameGate {
  /// What a client did that ends its connection with 1002, in the words of the close frame.
  enum Violation: String {
    case mask = "no mask"
    case length = "bad length"
    case reservedBits = "rsv bits"
    case opcode = "bad opcode"
    /// A control frame in parts, a part of nothing, or a message within a message.
    case fragment = "bad fragment"
  }

  private enum Step {
    case head, length, payload
    case extended(of: UInt8, left: UInt8)
    case mask(left: UInt8)
  }

  /// A pong that is owed once as many frames of messages were heard as came before its ping.
  private struct Pong {
    let place: UInt32
    let frame: [UInt8]
  }

  /// Bytes of pongs that are kept: what two reads can ask for. Of more only the newest are answered, as
  /// RFC 6455 §5.5.3 allows.
  static let pongLimit = 1_024

  /// RSV1 marks compressed messages, on the first of their frames (RFC 7692 §6).
  private let takesMark: Bool
  /// Nothing passes after it.
  private(set) var violation: Violation?
  private var step = Step.head
  private var opcode: UInt8 = 0
  /// The frame is a ping, of which nothing is passed on.
  private var isTaken = false
  /// A message has begun and not ended.
  private var isWithinMessage = false
  /// Bytes of payload that are to come, or the length as far as it was read.
  private var left: UInt64 = 0
  /// A ping's mask and payload.
  private var ping: [UInt8] = []
  private var pongs: [Pong] = []
  /// Frames of messages: those that passed, and those that came out of the library.
  private var passed: UInt32 = 0
  private var heard: UInt32 = 0

  /// Bytes of the pongs that are owed.
  private(set) var owedByteCount = 0

  init(takesMark: Bool) { self.takesMark = takesMark }

  /// Whether there is something to be done when what passed was heard.
  var hasWork: Bool { owedByteCount > 0 || violation != nil }

  /// A frame of a message has come out of the library whole.
  mutating func frameHeard() { heard &+= 1 }

  /// The pongs that are due by now, one behind the other.
  mutating func duePongs() -> [UInt8] {
    let due = pongs.prefix { Int32(bitPattern: heard &- $0.place) >= 0 }
    guard !due.isEmpty else { return [] }
    let bytes = Array(due.map(\.frame).joined())
    pongs.removeFirst(due.count)
    owedByteCount -= bytes.count
    return bytes
  }

  /// Nobody is answered any more.
  mutating func forgetPongs() { (pongs, owedByteCount) = ([], 0) }

  /// Looks at what was read, and moves to its front what the library is to see; returns how much that is.
  mutating func pass(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
    guard violation == nil else { return 0 }
    var output = Output(bytes: bytes)
    var index = 0
    // Where the frame in hand begins, as far as it is in these bytes.
    var frameStart = 0
    while index < bytes.count {
      let byte = bytes[index]
      switch step {
      case .payload:
        let count = Int(min(left, UInt64(bytes.count - index)))
        if isTaken { ping.append(contentsOf: bytes[index..<index + count]) }
        left -= UInt64(count)
        // One is added below.
        index += count - 1
        if left == 0 { frameEnds(at: index + 1, &output) }
      case .head:
        frameStart = index
        begin(byte)
        if isTaken { output.keep(upTo: index) }
      case .length: measure(byte)
      case .extended(let size, let missing):
        left = left << 8 | UInt64(byte)
        step = missing == 1 ? .mask(left: 4) : .extended(of: size, left: missing - 1)
        let least: UInt64 = size == 2 ? 126 : 65_536
        if missing == 1, left < least || left > UInt64(Int64.max) { violation = .length }
      case .mask(let missing):
        if isTaken { ping.append(byte) }
        step = missing == 1 ? .payload : .mask(left: missing - 1)
        if missing == 1, left == 0 { frameEnds(at: index + 1, &output) }
      }
      if violation != nil {
        if !isTaken { output.keep(upTo: frameStart) }
        return output.kept
      }
      index += 1
    }
    if !isTaken { output.keep(upTo: bytes.count) }
    return output.kept
  }

  private mutating func begin(_ byte: UInt8) {
    opcode = byte & 0x0F
    isTaken = opcode == 9
    step = .length
    let isFinal = byte & 0x80 != 0
    let marks = byte & 0x70
    if marks != 0, marks != 0x40 || !takesMark || !(1...2).contains(opcode) { violation = .reservedBits }
    switch opcode {
    case 0, 1, 2:
      if (opcode == 0) != isWithinMessage { violation = violation ?? .fragment }
      isWithinMessage = !isFinal
    case 8, 9, 10: if !isFinal { violation = violation ?? .fragment }
    default: violation = violation ?? .opcode
    }
  }

  private mutating func measure(_ byte: UInt8) {
    if byte & 0x80 == 0 {
      violation = .mask
      return
    }
    switch byte & 0x7F {
    case 126, 127:
      // Control frames are short (§5.5).
      if opcode & 8 != 0 { violation = .length }
      let size: UInt8 = byte & 1 == 0 ? 2 : 8
      (left, step) = (0, .extended(of: size, left: size))
    case let length: (left, step) = (UInt64(length), .mask(left: 4))
    }
  }

  private mutating func frameEnds(at end: Int, _ output: inout Output) {
    step = .head
    if isTaken {
      owe()
      output.skip(to: end)
      isTaken = false
    } else if opcode & 8 == 0 {
      passed &+= 1
    }
  }

  private mutating func owe() {
    var frame: [UInt8] = [0x8A, UInt8(ping.count - 4)]
    for (index, byte) in ping.dropFirst(4).enumerated() { frame.append(byte ^ ping[index & 3]) }
    ping = []
    pongs.append(Pong(place: passed, frame: frame))
    owedByteCount += frame.count
    while owedByteCount > Self.pongLimit { owedByteCount -= pongs.removeFirst().frame.count }
  }

  /// What is left of some bytes, at their front.
  private struct Output {
    let bytes: UnsafeMutableRawBufferPointer
    private(set) var kept = 0
    private var start = 0

    init(bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    mutating func keep(upTo end: Int) {
      guard end > start else { return }
      if kept != start, let base = bytes.baseAddress {
        (base + kept).copyMemory(from: base + start, byteCount: end - start)
      }
      kept += end - start
      start = end
    }

    mutating func skip(to end: Int) { start = end }
  }
}

import Gateway
import Testing

@Suite("A prepared frame") struct PreparedFrameTests {
  @Test(
    "has the header of RFC 6455 §5.2 for its length",
    arguments: [
      (0, [0x81, 0]), (125, [0x81, 125]), (126, [0x81, 126, 0, 126]),
      (65535, [0x81, 126, 0xFF, 0xFF]), (65536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] as [(Int, [UInt8])])
  func header(count: Int, header: [UInt8]) {
    let frame = PreparedFrame(text: [UInt8](repeating: 0x61, count: count))
    #expect(Array(frame.bytes.prefix(frame.payloadOffset)) == header)
    #expect(frame.payload.count == count)
  }
}

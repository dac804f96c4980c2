import Gateway
import Testing

@Suite("A byte range") struct ByteRangeTests {
  @Test(
    "is read as RFC 9110 §14 has it",
    arguments: [
      (nil, .whole), ("bytes=0-0", .part(offset: 0, length: 1)),
      ("bytes=0-", .part(offset: 0, length: 100)), ("bytes=90-200", .part(offset: 90, length: 10)),
      ("bytes=-5", .part(offset: 95, length: 5)), ("bytes=-500", .part(offset: 0, length: 100)),
      ("bytes=100-", .outside), ("bytes=100-200", .outside), ("bytes=-0", .outside),
      ("bytes=5-2", .whole), ("bytes=a-b", .whole), ("bytes=", .whole), ("bytes=-", .whole),
      ("bytes=0-1,5-6", .whole), ("items=0-1", .whole), ("bytes=1-2-3", .whole),
      ("bytes=+1-2", .whole), ("bytes=99999999999999999999-", .whole),
    ] as [(String?, ByteRange)])
  func table(header: String?, expected: ByteRange) {
    #expect(ByteRange(header, size: 100) == expected)
  }

  @Test("of an empty file is the whole of it, or outside")
  func empty() {
    #expect(ByteRange(nil, size: 0) == .whole)
    #expect(ByteRange("bytes=0-", size: 0) == .outside)
  }
}

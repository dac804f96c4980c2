import Jobs
import Testing

@Suite("The text of a UUID") struct UUIDTextTests {
  @Test(
    "is its two halves in hexadecimal digits, the first digit first",
    arguments: [
      (UInt64(0x0123_4567_89AB_CDEF), UInt64(0xFEDC_BA98_7654_3210), "01234567-89ab-cdef-fedc-ba9876543210"),
      (0, 1, "00000000-0000-0000-0000-000000000001"),
      (.max, .max, "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ])
  func form(high: UInt64, low: UInt64, text: String) { #expect(String(uuid: high, low) == text) }
}

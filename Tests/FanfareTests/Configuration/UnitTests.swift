import Testing

@testable import Fanfare

@Suite("Durations and sizes") struct UnitTests {
  @Test(
    "durations are read with their units",
    arguments: [
      ("250ms", Duration.milliseconds(250)), ("10s", .seconds(10)), ("5m", .seconds(300)),
      ("1h30m", .seconds(5400)), ("7d", .seconds(604_800)), ("0s", .zero),
      ("1m5s250ms", .milliseconds(65_250)),
    ])
  func durations(_ text: String, _ duration: Duration) {
    #expect(Duration(written: text) == duration)
  }

  @Test(
    "durations without a unit, with a sign, a fraction, a space, or in the wrong order are refused",
    arguments: [
      "", "10", "s", "-1s", "1.5s", "1 s", "10sec", "5m1h", "1s1s", "99999999999999999999s",
      "9223372036854775807d",
    ])
  func badDurations(_ text: String) {
    #expect(Duration(written: text) == nil)
  }

  @Test(
    "durations are written so that they read back",
    arguments: [
      (Duration.seconds(90), "90s"), (.seconds(60), "1m"), (.seconds(5400), "1h30m"), (.zero, "0s"),
      (.milliseconds(1500), "1s500ms"), (.seconds(86_400), "1d"),
    ])
  func written(_ duration: Duration, _ text: String) {
    #expect(duration.written == text)
    #expect(Duration(written: text) == duration)
  }

  @Test(
    "sizes are read with binary units and written with the largest that fits",
    arguments: [
      ("512B", 512, "512B"), ("64KiB", 65_536, "64KiB"), ("10MiB", 10 << 20, "10MiB"),
      ("2 GiB", 2 << 30, "2GiB"), ("1024KiB", 1 << 20, "1MiB"), ("0B", 0, "0B"),
      ("1TiB", 1 << 40, "1TiB"),
    ])
  func sizes(_ text: String, _ bytes: Int, _ written: String) {
    #expect(ByteCount(text)?.bytes == bytes)
    #expect(ByteCount(text)?.description == written)
  }

  @Test(
    "sizes without a unit, with a decimal one, a sign, or beyond all bounds are refused",
    arguments: ["", "64", "64KB", "64k", "-1KiB", "1.5MiB", "KiB", "9999999999999TiB"])
  func badSizes(_ text: String) {
    #expect(ByteCount(text) == nil)
  }

  @Test("the nearest name is found through a few edits, and not through many")
  func nearest() {
    let names = ["port", "host", "ping_interval"]
    #expect(nearestName(to: "prot", among: names) == "port")
    #expect(nearestName(to: "pinginterval", among: names) == "ping_interval")
    #expect(nearestName(to: "completely", among: names) == nil)
  }
}

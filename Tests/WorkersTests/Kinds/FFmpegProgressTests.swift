import Jobs
import Testing

@testable import Workers

@Suite("ffmpeg's progress") struct FFmpegProgressTests {
  private func updates(_ text: String) -> [FFmpegProgress.Update] {
    var progress = FFmpegProgress()
    return text.split(separator: "\n").compactMap { progress.feed(String($0)) }
  }

  @Test("is read block by block")
  func blocks() {
    let seen = updates(
      """
      frame=10
      fps=25.50
      stream_0_0_q=28.0
      bitrate=  12.0kbits/s
      total_size=48
      out_time_us=400000
      out_time_ms=400000
      out_time=00:00:00.400000
      speed= 1.5x
      progress=continue
      frame=20
      fps=0.00
      total_size=N/A
      out_time_us=N/A
      speed=N/A
      progress=end
      """)
    #expect(
      seen == [
        .init(frame: 10, framesPerSecond: 25.5, time: .milliseconds(400), bytes: 48, speed: 1.5),
        .init(frame: 20, framesPerSecond: 0, isLast: true),
      ])
  }

  @Test(
    "passes over what it does not know",
    arguments: ["", "=", "frame", "frame=x\nprogress=continue"])
  func noise(_ text: String) { #expect(updates(text).allSatisfy { $0 == .init() }) }

  @Test("becomes percent, speed and the time that is left")
  func percent() throws {
    let update = FFmpegProgress.Update(
      frame: 100, framesPerSecond: 50, time: .seconds(4), bytes: 1000, speed: 2)
    let progress = update.progress(of: .seconds(10))
    #expect(progress.percent == 40)
    #expect(progress.stage == "encoding")
    #expect(progress.message == "frame 100")
    #expect(
      progress.details
        == (try JSONText(
          validating: #"{"frame":100,"fps":50.0,"speed":2.0,"eta_seconds":3,"bytes":1000}"#))
    )
    #expect(update.progress(of: .seconds(2)).percent == 99.9)
    #expect(update.progress(of: nil).percent == nil)
    #expect(update.progress(of: .zero).percent == nil)
  }
}

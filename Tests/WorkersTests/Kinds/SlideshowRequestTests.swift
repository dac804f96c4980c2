import Jobs
import Testing

@testable import Workers

@Suite("What is asked of a slideshow") struct SlideshowRequestTests {
  private static let upload = #""upload:upl_\#(String(repeating: "0", count: 32))""#

  private func faults(_ payload: String) -> [String] {
    do {
      _ = try SlideshowRequest(JSONText(validating: payload))
      return []
    } catch let error as PayloadFaults {
      return error.faults.map(\.pointer)
    } catch {
      return ["\(error)"]
    }
  }

  @Test("has defaults for all but the images")
  func defaults() throws {
    let request = try SlideshowRequest(JSONText(validating: #"{"images":[\#(Self.upload)]}"#))
    #expect(request.audio == nil && request.seconds == 3 && request.transition == .none)
    #expect(request.size.description == "1920x1080" && request.output.description == "output.mp4")
  }

  @Test("is judged whole, each fault with its place")
  func strict() {
    #expect(
      faults(
        #"{"images":[\#(Self.upload),"https://example.org/a.png"],"audio":\#(Self.upload),"duration":0.1,"transition":"fade","resolution":"16x7680","output":"a.mkv","session":"s","audio_name":"a"}"#
      ) == [])
    #expect(
      faults(
        #"{"images":["file:///etc/passwd",\#(Self.upload),7],"audio":"/x","duration":61,"transition":"spin","resolution":"641x480","output":"a.webm","session":"a\nb","audio_name":3,"more":1}"#
      ) == [
        "/more", "/images/0", "/images/2", "/audio", "/duration", "/transition", "/resolution", "/output", "/session",
        "/audio_name",
      ])
    for images in ["[]", "3", "null", "[\(Array(repeating: Self.upload, count: 201).joined(separator: ","))]"] {
      #expect(faults(#"{"images":\#(images)}"#) == ["/images"])
    }
    for duration in ["0", "0.09", "\"3\"", "null", "60.1"] {
      #expect(faults(#"{"images":[\#(Self.upload)],"duration":\#(duration)}"#) == ["/duration"])
    }
    for size in ["1920", "14x14", "7682x100", "1920x", "-2x4", "1920x1080 ", "1920X1080", "0x0"] {
      #expect(faults(#"{"images":[\#(Self.upload)],"resolution":"\#(size)"}"#) == ["/resolution"])
    }
  }
}

@Suite("The timeline of a slideshow") struct SlideshowTimelineTests {
  @Test("is as long as its images, to the frame", arguments: [0.1, 0.3, 1, 2.5, 3, 59.99])
  func frames(_ seconds: Double) {
    let timeline = SlideshowTimeline(imageCount: 7, seconds: seconds)
    #expect((0..<7).reduce(0) { $0 + timeline.frames(of: $1) } == timeline.frames)
    #expect(abs(timeline.length - 7 * seconds) < 0.021)
    for image in 0..<7 {
      #expect(timeline.frames(of: image) > timeline.transitionFrames(of: image))
      #expect(timeline.transitionFrames(of: image) <= 25)
    }
  }

  @Test("has gone from 20 to 60 percent when the last image's turn comes")
  func percent() {
    let five = SlideshowTimeline(imageCount: 5, seconds: 3)
    #expect((0..<5).map(five.percent) == [20, 30, 40, 50, 60])
    #expect(SlideshowTimeline(imageCount: 1, seconds: 3).percent(at: 0) == 20)
    let many = SlideshowTimeline(imageCount: 200, seconds: 3)
    #expect(many.percent(at: 199) == 60)
    #expect(zip(0..<199, 1..<200).allSatisfy { many.percent(at: $0) <= many.percent(at: $1) })
  }
}

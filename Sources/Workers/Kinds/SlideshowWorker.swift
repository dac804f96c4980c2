import Foundation
package import Jobs

/// Makes a video of images and a piece of music: `{"images":["upload:upl_…", …],"audio":…?,"duration":3,
/// "transition":"fade","resolution":"1920x1080"}`.
///
/// Each image is shown for `duration` seconds, as large as it fits, on black; the music ends with the video, or
/// before it. Images and music are opened under ``MediaGuards``. One clip an image, then all of them together: never
/// more than two pictures in memory, however many there are.
package struct SlideshowWorker: Worker {
  package let configuration: MediaSettings
  package let kind = JobKind("slideshow")!
  package var defaultTimeout: Duration? { configuration.timeout }
  package var retryPolicy: RetryPolicy { configuration.retryPolicy }

  package init(_ configuration: MediaSettings = MediaSettings(timeout: .seconds(600))) {
    self.configuration = configuration
  }

  @concurrent
  package func perform(_ job: JobContext) async throws -> Outcome {
    do {
      let request = try SlideshowRequest(job.payload)
      return try await SlideshowRun(request, configuration, job).perform()
    } catch let error as PayloadFaults {
      return .badInput(error.faults)
    } catch let fault as PayloadFault {
      return .badInput([fault])
    }
  }
}

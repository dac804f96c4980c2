import Foundation
package import Jobs

/// Makes a video of images and a piece of music: `{"images":["upload:upl_…", …],"audio":…?,"duration":3,
/// "transition":"fade","resolution":"1920x1080"}`.
///
/// Each image is shown for `duration` seconds, as large as it fits, on black; the music ends with the video, or
/// before it. Images and music are opened under ``MediaGuards``. One clip an image, then all of them together: never
/// more than two pictures in memory, however many there are.
package struct SlideshowWorker: Worker {
  /// What an operator decides.
  package struct Configuration: Sendable {
    package var kind: JobKind
    /// Names, looked up on ``ChildCommand/path``, or absolute paths.
    package var ffmpeg: String
    package var ffprobe: String
    package var timeout: Duration?
    /// The longest ffprobe may take for one input.
    package var probeTimeout: Duration
    /// The most bytes of the video; a larger one fails the job.
    package var outputLimit: Int
    package var inputs: InputFetcher
    package var retryPolicy: RetryPolicy

    package init(
      kind: JobKind = JobKind("slideshow")!, ffmpeg: String = "ffmpeg", ffprobe: String = "ffprobe",
      timeout: Duration? = .seconds(600), probeTimeout: Duration = .seconds(30), outputLimit: Int = 16 << 30,
      inputs: InputFetcher = InputFetcher(), retryPolicy: RetryPolicy = .standard
    ) {
      self.kind = kind
      self.ffmpeg = ffmpeg
      self.ffprobe = ffprobe
      self.timeout = timeout
      self.probeTimeout = probeTimeout
      self.outputLimit = outputLimit
      self.inputs = inputs
      self.retryPolicy = retryPolicy
    }
  }

  package let configuration: Configuration
  package var kind: JobKind { configuration.kind }
  package var defaultTimeout: Duration? { configuration.timeout }
  package var retryPolicy: RetryPolicy { configuration.retryPolicy }

  package init(_ configuration: Configuration = Configuration()) {
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

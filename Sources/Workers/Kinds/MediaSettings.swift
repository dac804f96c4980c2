package import Jobs

/// What an operator decides of a kind of jobs that runs ffmpeg.
package struct MediaSettings: Sendable {
  /// Names, looked up on ``ChildCommand/path``, or absolute paths.
  package var ffmpeg: String
  package var ffprobe: String
  /// The longest a job may run that does not say; nil: without bound.
  package var timeout: Duration?
  /// The longest ffprobe may take for one input.
  package var probeTimeout: Duration
  /// The most bytes of an output; a larger one fails the job.
  package var outputLimit: Int
  package var inputs: InputFetcher
  package var retryPolicy: RetryPolicy

  package init(
    ffmpeg: String = "ffmpeg", ffprobe: String = "ffprobe", timeout: Duration? = .seconds(6 * 3600),
    probeTimeout: Duration = .seconds(30), outputLimit: Int = 16 << 30, inputs: InputFetcher = InputFetcher(),
    retryPolicy: RetryPolicy = .standard
  ) {
    self.ffmpeg = ffmpeg
    self.ffprobe = ffprobe
    self.timeout = timeout
    self.probeTimeout = probeTimeout
    self.outputLimit = outputLimit
    self.inputs = inputs
    self.retryPolicy = retryPolicy
  }
}

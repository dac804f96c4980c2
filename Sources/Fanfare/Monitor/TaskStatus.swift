import ArgumentParser
import Jobs

/// How a task stands, in the words of the transcription queue (S4).
enum TaskStatus: String, CaseIterable, ExpressibleByArgument, CustomStringConvertible {
  case queued, processing, completed, failed, cancelled

  init(_ state: JobState) {
    self =
      switch state {
      case .scheduled, .blocked, .queued, .retrying: .queued
      case .running: .processing
      case .completed: .completed
      case .failed: .failed
      case .cancelled: .cancelled
      }
  }

  /// Of a job's document.
  init(of job: JSONValue) {
    self.init(job["state"]?.string.flatMap(JobState.init(rawValue:)) ?? .queued)
  }

  /// Our states that are told so, as a filter has them.
  var states: String {
    JobState.allCases.filter { TaskStatus($0) == self }.map(\.rawValue).joined(separator: ",")
  }

  var description: String { rawValue }
}

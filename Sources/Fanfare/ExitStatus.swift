import ArgumentParser
import Jobs

/// With what a command ends.
enum ExitStatus: Int32, Sendable, CaseIterable {
  /// The job is completed; the command did what it was asked to.
  case completed = 0
  /// The job failed, or the server ended with a fault; for `check`: the configuration has faults.
  case failed = 1
  /// The command was not understood, or was refused.
  case refused = 2
  /// The job was cancelled.
  case cancelled = 3

  /// For a job at its end.
  init(of state: JobState) {
    self =
      switch state {
      case .completed: .completed
      case .cancelled: .cancelled
      case .failed, .scheduled, .blocked, .queued, .running, .retrying: .failed
      }
  }
}

/// A command's end that is no success: said on standard error.
struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
  var description: String
  var status = ExitStatus.refused
}

extension ExitStatus {
  /// For what a command threw; with what there is to say, and whether that is an answer (help) or a
  /// complaint.
  static func judge(_ error: any Error) -> (status: Int32, message: String, isAnswer: Bool) {
    switch error {
    case let failure as CommandFailure:
      return (failure.status.rawValue, "fanfare: \(failure)", false)
    case let error as ClientError: return (refused.rawValue, "fanfare: \(error)", false)
    case let faults as ConfigurationFaults: return (failed.rawValue, "fanfare: \(faults)", false)
    case let code as ExitCode: return (code.rawValue, "", false)
    default: break
    }
    let code = Fanfare.exitCode(for: error)
    let message = Fanfare.fullMessage(for: error)
    if code == .success { return (0, message, true) }
    return (code == .validationFailure ? refused.rawValue : failed.rawValue, message, false)
  }
}

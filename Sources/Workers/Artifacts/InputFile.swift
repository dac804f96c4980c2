import Foundation
import Jobs
import Synchronization

/// A file that an input is written to as it arrives. The first fault is kept and told at the end.
final class InputFile: Sendable {
  private struct State {
    var descriptor: Int32
    var size = 0
    var fault: Int32?
  }

  private let state: Mutex<State>

  /// Makes the file, or empties the one a redirection left.
  init(_ path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(errno) }
    state = Mutex(State(descriptor: descriptor))
  }

  func write(_ bytes: [UInt8]) {
    state.withLock { state in
      var done = 0
      while done < bytes.count, state.fault == nil {
        let count = bytes.withUnsafeBytes {
          Foundation.write(state.descriptor, $0.baseAddress! + done, $0.count - done)
        }
        if count > 0 { done += count } else if errno != EINTR { state.fault = errno }
      }
      state.size += done
    }
  }

  /// Its size in bytes. Throws ``Jobs/JobFailure`` if anything could not be written.
  func close() throws -> Int {
    try state.withLock { state in
      if let fault = state.fault { throw Self.failure(fault) }
      return state.size
    }
  }

  private static func failure(_ number: Int32) -> JobFailure {
    JobFailure(
      code: "worker_error",
      message: "The input cannot be kept: \(String(cString: strerror(number))).")
  }

  deinit { Foundation.close(state.withLock { $0.descriptor }) }
}

import Foundation
import Jobs

/// A file that an input is written to as it arrives. Throws ``Jobs/JobFailure`` where it cannot be kept.
final class InputFile {
  private let descriptor: Int32

  /// Makes the file, or empties the one an earlier fetch left.
  init(_ path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(errno) }
  }

  func write(_ bytes: [UInt8]) throws {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress! + done, $0.count - done)
      }
      if count > 0 { done += count } else if errno != EINTR { throw Self.failure(errno) }
    }
  }

  private static func failure(_ number: Int32) -> JobFailure {
    JobFailure(
      code: "worker_error",
      message: "The input cannot be kept: \(String(cString: strerror(number))).")
  }

  deinit { if descriptor >= 0 { Foundation.close(descriptor) } }
}

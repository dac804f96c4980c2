import Foundation
import Jobs

extension InputFetcher {
  /// Brings one of several inputs to a file of its own. Faults name the place of the payload where it stands.
  func fetch(
    _ input: InputReference, number: Int, at pointer: String, for job: JobContext
  ) async throws -> String {
    let path: String
    do {
      path = try await fetch(input, for: job)
    } catch let fault as PayloadFault {
      throw PayloadFault(pointer, fault.reason)
    }
    // An upload stays where it lies; what was fetched makes room for the next.
    guard case .address = input else { return path }
    let own = "\(try await job.folder())/.input-\(number)"
    try FileManager.default.moveItem(atPath: path, toPath: own)
    return own
  }
}

import Jobs

@testable import Workers

extension FFmpegRequest {
  /// Where a payload is at fault, as pointers; none if it is sound.
  static func faults(in payload: String) -> [String] {
    do {
      _ = try FFmpegRequest(JSONText(validating: payload))
      return []
    } catch let error as PayloadFaults {
      return error.faults.map(\.pointer)
    } catch {
      return ["\(error)"]
    }
  }
}

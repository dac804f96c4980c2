import FoundationEssentials
import Jobs

extension Timestamp {
  /// `2026-11-22T12:00:00.000Z`
  var iso8601: String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1000)
      .ISO8601Format(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}

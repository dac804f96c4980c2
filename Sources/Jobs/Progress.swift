/// How far a running job has come, as its worker tells it. Each report is whole: the newest suffices.
package struct Progress: Hashable, Sendable {
  /// 0 up to, but not including, 100: only completion is 100.
  package var percent: Double?
  /// What the worker is doing, in a word or two: `probing`, `encoding`.
  package var stage: String?
  /// One line for people.
  package var message: String?
  /// Anything else the worker knows (speed, ETA), for the client to read; the gateway does not.
  package var details: JSONText?

  package init(
    percent: Double? = nil, stage: String? = nil, message: String? = nil, details: JSONText? = nil
  ) {
    self.percent = percent
    self.stage = stage
    self.message = message
    self.details = details
  }

  /// The most bytes a report may hold, all told; more is refused (`reportTooLarge`).
  package static let byteLimit = 8 << 10

  /// The bytes of the report's texts.
  package var byteCount: Int {
    (stage?.utf8.count ?? 0) + (message?.utf8.count ?? 0) + (details?.bytes.count ?? 0)
  }

  /// Percent as tenths of a percent, cut to 0…999: what brokers keep and compare.
  package var permille: Int? {
    percent.map { $0.isNaN ? 0 : Int(min(max($0, 0), 99.9) * 10) }
  }
}

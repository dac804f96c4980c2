import Foundation
import Jobs
import Logging

/// Writes the log to standard error, a line a message: as text, or as JSON for machines.
struct LogOutput: LogHandler {
  private let label: String
  private let format: LogConfiguration.Format
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?

  init(label: String, _ configuration: LogConfiguration) {
    self.label = label
    format = configuration.format
    logLevel = configuration.level
  }

  /// Makes this the output of every logger; once a process, before the first logger.
  static func install(_ configuration: LogConfiguration) {
    LoggingSystem.bootstrap { LogOutput(label: $0, configuration) }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let metadata = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }
      .merging(event.metadata ?? [:]) { $1 }
    let line = Self.line(
      at: .now, event.level, label: label, "\(event.message)", metadata, format: format)
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  /// One line, whatever stands in the message.
  static func line(
    at time: Timestamp, _ level: Logger.Level, label: String, _ message: String,
    _ metadata: Logger.Metadata, format: LogConfiguration.Format
  ) -> String {
    let pairs = metadata.sorted { $0.key < $1.key }
    switch format {
    case .text:
      let details = pairs.map { " \($0.key)=\($0.value)" }.joined()
      let text = "\(clock(time)) \(level.rawValue) \(label): \(message)\(details)"
      return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        .joined(separator: "\\n")
    case .json:
      var writer = JSONWriter()
      writer.object { line in
        line.member("at", time.milliseconds)
        line.member("level", level.rawValue)
        line.member("label", label)
        line.member("message", message)
        // A name stands once in an object: one that is the line's own already gets an underscore.
        var taken: Set<String> = ["at", "level", "label", "message"]
        for (key, value) in pairs {
          var name = key
          while !taken.insert(name).inserted { name += "_" }
          var text = JSONWriter()
          text.element("\(value)")
          line.member(named: name, text.text)
        }
      }
      return "\(writer.text)"
    }
  }

  /// `2026-11-21T05:53:12.031Z`
  private static func clock(_ time: Timestamp) -> String {
    let seconds = Date(timeIntervalSince1970: Double(time.milliseconds / 1000))
    // Added as digits: a fraction of a Date is not exact, and would be cut.
    let fraction = String(1000 + time.milliseconds % 1000).dropFirst()
    return "\(seconds.formatted(.iso8601).dropLast()).\(fraction)Z"
  }
}

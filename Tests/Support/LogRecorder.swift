package import Logging
import Synchronization

/// Remembers what is logged, for a test that looks at it.
package final class LogRecorder: LogHandler {
  private let recorded = Mutex<[LogEvent]>([])
  private let least: Logger.Level

  /// `level`: nothing below it is logged.
  package init(from level: Logger.Level) { least = level }

  /// In the order in which they came.
  package var events: [LogEvent] { recorded.withLock { $0 } }

  package var logLevel: Logger.Level {
    get { least }
    set {}
  }
  package var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }
  package func log(event: LogEvent) { recorded.withLock { $0.append(event) } }
}

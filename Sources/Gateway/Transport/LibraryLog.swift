import CWebSockets
import Logging
import Synchronization

/// Carries the words of libwebsockets, whose log is one for the process, to swift-log.
enum LibraryLog {
  private static let logger = Mutex<Logger?>(nil)

  /// The logger of the first server speaks for all.
  static func begin(_ first: Logger) {
    let isFirst = logger.withLock { logger in
      guard logger == nil else { return false }
      logger = first
      return true
    }
    guard isFirst else { return }
    // Notices tell of every connection; below them is debugging of the library itself.
    lws_set_log_level(LLL_ERR | LLL_WARN) { level, line in
      guard let line else { return }
      LibraryLog.emit(level, String(cString: line))
    }
  }

  /// Until ``resumeErrors()`` the library's errors are not told: it does not even write them down.
  static func suspendErrors() { lws_set_log_level(LLL_WARN, nil) }
  static func resumeErrors() { lws_set_log_level(LLL_ERR | LLL_WARN, nil) }

  private static func emit(_ level: CInt, _ line: String) {
    guard let logger = logger.withLock({ $0 }) else { return }
    let text = line.split(separator: ": ", maxSplits: 1).last ?? ""
    // What the library calls a warning is a client's mistake: anybody could fill a log with them.
    logger.log(
      level: level == LLL_ERR ? .warning : .debug,
      "libwebsockets: \(text.filter { $0 != "\n" })")
  }
}

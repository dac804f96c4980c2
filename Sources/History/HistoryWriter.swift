package import Jobs
package import Logging

/// Writes what the feed holds into a history, whatever single entries are like.
package struct HistoryWriter: Sendable {
  private let store: any HistoryStore
  private let logger: Logger

  /// The consumer's name in the feed.
  package static let consumer = FeedConsumer("history")

  package init(to store: any HistoryStore, logger: Logger) {
    self.store = store
    self.logger = logger
  }

  /// Returns when the entries are on disk. One that the database refuses for what it is, is told and passed over, so that
  /// those behind it are written; throws when the database cannot be used now.
  package func write(_ entries: [FeedEntry]) async throws(HistoryError) {
    do throws(HistoryError) { return try await store.write(entries) } catch {
      guard case .refused = error else { throw error }
    }
    for entry in entries {
      do throws(HistoryError) { try await store.write([entry]) } catch {
        guard case .refused(let reason) = error else { throw error }
        logger.error(
          "a change of a job is not in the history: the database refuses it",
          metadata: ["job": "\(entry.job.id)", "offset": "\(entry.job.position.offset)", "reason": "\(reason)"])
      }
    }
  }
}

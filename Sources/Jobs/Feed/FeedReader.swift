package import EventLoop
package import Logging

/// Reads the feed for one consumer, batch by batch, as long as this process is the one to do it.
///
/// A batch is committed when `process` has returned; where that throws, the same is tried again, later each time, up to
/// half a minute. So what `process` does has to be safe to repeat.
@EventLoop
package final class FeedReader {
  private let feed: any FeedSource
  private let consumer: FeedConsumer
  private let holder: String
  private let settings: Settings
  private let logger: Logger
  private let process: @EventLoop ([FeedEntry]) async throws -> Void
  private let bell = Bell()
  private var task: Task<Void, Never>?
  private var isStopped = false
  private var isRegistered = false

  package struct Settings: Sendable {
    /// The bound of the whole feed.
    package var bound = FeedEntry.standardBound
    /// The most entries of a batch.
    package var batch = 100
    /// How long an empty feed is left alone, and one that another process reads.
    package var interval = Duration.milliseconds(500)
    package var standby = Duration.seconds(2)
    /// How long nobody reads after this process died.
    package var lease = Duration.seconds(10)
    /// The wait after the first fault; it doubles with each, up to ``longestPause``.
    package var firstPause = Duration.milliseconds(500)
    package static let longestPause = Duration.seconds(30)

    package init() {}
  }

  /// `holder` is unlike that of any other process.
  package init(
    of feed: any FeedSource, for consumer: FeedConsumer, holder: String, _ settings: Settings = Settings(),
    logger: Logger, process: @escaping @EventLoop ([FeedEntry]) async throws -> Void
  ) {
    self.feed = feed
    self.consumer = consumer
    self.holder = holder
    self.settings = settings
    var logger = logger
    logger[metadataKey: "consumer"] = "\(consumer)"
    self.logger = logger
    self.process = process
  }

  /// Begins to read. To be called once.
  package func start() {
    precondition(task == nil, "a reader is started once")
    task = Task { await readAll() }
  }

  /// Reads no more; what is under way goes on.
  package func halt() {
    isStopped = true
    bell.ring()
  }

  /// Reads no more; returns when what is under way is done, and another process may read.
  package func stop() async {
    halt()
    await task?.value
    task = nil
  }

  private func readAll() async {
    var faults = 0
    while !isStopped {
      var pause = Duration.zero
      do {
        pause = try await readOnce()
        faults = 0
      } catch {
        pause = min(settings.firstPause * (1 << min(faults, 10)), Settings.longestPause)
        faults += 1
        if !isStopped { tell(error, faults) }
      }
      if !isStopped, pause > .zero { await bell.wait(upTo: pause) }
    }
    // Where this fails the lease ends by itself.
    try? await feed.release(consumer, holder: holder)
  }

  /// A broker that is away is no fault of the reader's, and told of by others.
  private func tell(_ error: any Error, _ faults: Int) {
    if error as? BrokerError == .unavailable {
      logger.debug("the feed cannot be reached")
    } else {
      logger.error(
        "the feed is not read on: it is tried again", metadata: ["error": "\(error)", "times": "\(faults)"])
    }
  }

  /// One batch; answers with how long to wait for the next.
  private func readOnce() async throws -> Duration {
    if !isRegistered {
      try await feed.register(consumer, bound: settings.bound)
      isRegistered = true
    }
    let batch = try await feed.feed(
      for: consumer, holder: holder, lease: settings.lease, limit: settings.batch)
    guard batch.isHolder else { return settings.standby }
    if batch.lost > 0 {
      logger.error(
        "entries of the feed were lost: they were more than feed.bound", metadata: ["count": "\(batch.lost)"])
    }
    guard let last = batch.entries.last else { return settings.interval }
    try await process(batch.entries)
    if try await !feed.commit(consumer, through: last.place, holder: holder) {
      logger.notice("another process reads the feed by now")
      return settings.standby
    }
    return .zero
  }
}

import EventLoop
import Jobs
import Logging

/// Looks through the broker's store for what cannot be, every ten minutes, and mends it: what is done by hand with
/// `fanfare doctor --repair`.
///
/// However many processes share a broker, one of them does it: who is given the one turn of a time, which is counted
/// where the broker counts requests. It goes piece by piece and rests after each, so that nobody waits for it.
@EventLoop
final class RegularAudit {
  private let broker: any BrokerAudit & BrokerArchive & RequestBudget
  private let interval: Duration
  private let pieces: Int
  private let rest: Duration
  private let logger: Logger
  private var timer: LoopTimer?

  /// Whose budget the turns are: nobody's. A user of this name would only wait for a turn as they do.
  private static let turns = "fanfare:audit"

  /// First after one `interval`. `pieces` is how many records a piece has.
  init(
    of broker: any BrokerAudit & BrokerArchive & RequestBudget, every interval: Duration = .seconds(600),
    pieces: Int = 250, rest: Duration = .milliseconds(50), logger: Logger
  ) {
    self.broker = broker
    self.interval = interval
    self.pieces = pieces
    self.rest = rest
    self.logger = logger
    schedule(after: interval)
  }

  /// Looks no more; a piece that is under way ends by itself.
  func stop() { timer = nil }

  private func schedule(after time: Duration) {
    timer = LoopTimer(after: time) { [weak self] in
      Task { [weak self] in await self?.takeTurn() }
    }
  }

  /// Audits, if nobody else did in this time; asks often enough that the turn of one that ended is taken soon.
  private func takeTurn() async {
    do throws(BrokerError) {
      if broker.isWhole, try await broker.spendRequest(of: Self.turns, limit: 1, window: interval).isAdmitted {
        try await audit()
      }
    } catch {
      logger.info("the store could not be audited", metadata: ["error": "\(error)"])
    }
    if timer != nil { schedule(after: interval / 10 * Double.random(in: 0.75...1.25)) }
  }

  private func audit() async throws(BrokerError) {
    var (checked, found) = (0, 0)
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: true, after: cursor, limit: pieces)
      checked += report.checked
      found += report.findings.count
      for finding in report.findings {
        logger.warning(
          finding.isRepaired ? "what cannot be was found and mended" : "what cannot be was found",
          metadata: [
            "kind": "\(finding.kind.rawValue)", "subject": "\(finding.subject)", "detail": "\(finding.detail)",
          ])
      }
      cursor = report.next
      if cursor != nil { await EventLoop.pause(for: rest) }
    } while cursor != nil && timer != nil
    logger.debug("the store was audited", metadata: ["checked": "\(checked)", "found": "\(found)"])
  }
}

import EventLoop
import Jobs
import Logging

/// The slow comparison of what watchers were told with the records: finds that the last event was lost, behind which
/// none comes that would show it, and that a record is gone or was set back without a word.
extension Hub {
  /// The most channels of which the broker is asked in one call.
  private static let channelsPerCall = 100

  /// Has the next part of the channels compared when its time has come, not at the same moment on every node.
  func compareLater() {
    guard positionInterval > .zero, broker.mayLoseEvents else { return }
    wheel.schedule(after: positionInterval / positions.parts * Double.random(in: 0.85...1.15)) { [weak self] in
      Task { @EventLoop in
        await self?.comparePositions()
        self?.compareLater()
      }
    }
  }

  private func comparePositions() async {
    for suspect in positions.takeSuspects() { await lookAgain(at: suspect) }
    let due = positions.next { Array(channels.keys) }
    for first in stride(from: due.startIndex, to: due.endIndex, by: Self.channelsPerCall) {
      await compare(due[first..<min(first + Self.channelsPerCall, due.endIndex)])
    }
  }

  private func compare(_ part: ArraySlice<Channel>) async {
    var told: [Channel: PositionWatch.Place] = [:]
    for channel in part { told[channel] = comparable(channel)?.highestPlace }
    guard !told.isEmpty else { return }
    do throws(BrokerError) {
      let records = try await broker.positions(of: Array(told.keys))
      for (channel, told) in told {
        let suspect = PositionWatch.Suspect(channel: channel, record: records[channel], told: told)
        if comparable(channel)?.disagrees(with: suspect) == true { positions.suspect(suspect) }
      }
    } catch .unavailable {
      // Away: what is missed meanwhile is made up for when it is back.
    } catch {
      logger.error("positions could not be read", metadata: ["error": "\(error)"])
    }
  }

  /// The channel, where it is one stream that somebody follows, and that is heard at present.
  private func comparable(_ channel: Channel) -> WatchedChannel? {
    guard let watched = channels[channel], Subject(of: channel) != nil, watched.highestPlace != nil,
      watched.isDelivering, !watched.isOwed, broker.isDelivering(on: channel)
    else { return nil }
    return watched
  }

  /// Reads the record where nothing has come meanwhile that would make it agree, and tells it.
  private func lookAgain(at suspect: PositionWatch.Suspect) async {
    guard let subject = Subject(of: suspect.channel), comparable(suspect.channel)?.disagrees(with: suspect) == true
    else { return }
    let found: (delivery: Delivery, position: StreamPosition)?
    do throws(BrokerError) {
      switch subject {
      case .job(let id): found = try await broker.job(id).map { (.snapshot($0), $0.position) }
      case .group(let id): found = try await broker.group(id).map { (.group($0), $0.position) }
      }
    } catch .unavailable {
      return
    } catch {
      logger.error(
        "the record could not be read", metadata: ["channel": "\(suspect.channel)", "error": "\(error)"])
      if let watched = comparable(suspect.channel) { lose(watched, "cannot be read") }
      return
    }
    var suspect = suspect
    suspect.record = found?.position
    guard let watched = comparable(suspect.channel), watched.disagrees(with: suspect) else { return }
    guard let found else { return lose(watched, "is gone") }
    if suspect.told.isAhead(of: found.position) { return lose(watched, "was set back") }
    // Events went on meanwhile: they show by their numbers what is missing.
    guard watched.gap.continues(at: found.position) else { return }
    logger.info("events were lost on their way; the record tells them", metadata: ["channel": "\(suspect.channel)"])
    take(found.delivery, on: watched)
  }
}

extension WatchedChannel {
  /// How far the one was told who was told most; nil where nobody follows the stream.
  var highestPlace: PositionWatch.Place? {
    subscriptions.lazy.compactMap(\.place).max { $0.offset < $1.offset }
  }

  /// Whether somebody was not told what the record tells, or was told more, or follows what is gone. Of one who was
  /// told the end nothing is missed where the record is gone.
  func disagrees(with suspect: PositionWatch.Suspect) -> Bool {
    guard let record = suspect.record else {
      return subscriptions.contains { $0.place != nil && !$0.wasToldEnd }
    }
    return suspect.told.isAhead(of: record) || subscriptions.contains { $0.place?.lags(behind: record) == true }
  }
}

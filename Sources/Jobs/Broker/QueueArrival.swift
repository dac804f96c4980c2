import EventLoop

/// What brokers do alike with the queues of an archive (``BrokerArchive/restore(_:)``).
protocol QueueArrival: QueueAdministration {
  /// Queues that came with a restore, each with the mode it is to have once all is in.
  var arriving: [QueueName: QueueMode] { get set }
}

extension QueueArrival {
  /// Takes in a queue's settings and its mode, where nobody has set it here.
  func restore(
    _ name: QueueName, _ settings: QueueSettings, _ mode: QueueMode, _ report: inout RestoreReport
  ) async throws(BrokerError) {
    do throws(BrokerError) {
      _ = try await set(name, to: settings, ifVersion: 0)
    } catch .changedMeanwhile {
      report.known += 1
      return
    } catch { throw error }
    // One that would be paused when it is empty cannot have its mode before its jobs.
    let first = mode == .drainingBacklog ? .paused : mode
    if first != .active { _ = try await setMode(of: name, to: first) }
    arriving[name] = mode
    report.restored += 1
  }

  /// Counts the ledger of a queue, of which something was taken over or not, and lets the queue go on as it was: with
  /// its ledger all its jobs are in.
  func arrived(_ name: QueueName, isRaised: Bool, _ report: inout RestoreReport) async throws(BrokerError) {
    let mode = arriving.removeValue(forKey: name)
    if isRaised || mode != nil { report.restored += 1 } else { report.known += 1 }
    if mode == .drainingBacklog, try await queue(name)?.mode == .paused {
      _ = try await setMode(of: name, to: .drainingBacklog)
    }
  }
}

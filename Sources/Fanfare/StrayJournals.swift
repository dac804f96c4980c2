import EventLoop
import Foundation
import Jobs
import Logging

/// The folders in which processes keep what they accept while a shared broker is away, of which nobody has some: their
/// process ended with jobs in them, and none has come that took them.
///
/// With several processes each takes the first that is free (`fallback`, `fallback-2`…), so that a process and its
/// successor never want the same; what is left in one is handed over from here when the shared broker is there.
@EventLoop
final class StrayJournals {
  private let state: StateFolder
  private let shared: FallbackBroker
  private let logger: Logger
  private var timer: LoopTimer?
  private var isSweeping = false
  /// What was found empty, and when it was written last.
  private var empty: [String: Date] = [:]

  /// Looks every `interval`, until let go or ``stop()``ped.
  init(of shared: FallbackBroker, in state: StateFolder, every interval: Duration = .seconds(5), logger: Logger) {
    self.shared = shared
    self.state = state
    self.logger = logger
    timer = LoopTimer(every: interval, first: .seconds(1)) { [weak self] in
      Task { [weak self] in await self?.sweep() }
    }
  }

  /// Looks no more; a look that is under way ends by itself.
  func stop() { timer = nil }

  /// The first folder that nobody has.
  nonisolated static func free(in state: StateFolder) -> String {
    var number = 1
    while FolderLock.isHeld(state.fallback(number)) { number += 1 }
    return state.fallback(number)
  }

  private func sweep() async {
    guard !isSweeping, shared.isReachable() else { return }
    isSweeping = true
    defer { isSweeping = false }
    for folder in state.fallbacks where !FolderLock.isHeld(folder) {
      guard let written = Self.lastWrite(in: folder), empty[folder] != written, timer != nil else { continue }
      do {
        let isEmpty = try await handOver(folder)
        if isEmpty { empty[folder] = Self.lastWrite(in: folder) }
      } catch JournalError.inUse {
        // Somebody took it in this moment, and what is in it.
        continue
      } catch {
        logger.warning(
          "what a process has left could not be handed over", metadata: ["folder": "\(folder)", "error": "\(error)"])
      }
    }
  }

  /// Whether nothing is left in it.
  private func handOver(_ folder: String) async throws -> Bool {
    let local = try await EmbeddedBroker.open(at: folder, logger: logger)
    do {
      let stray = try await FallbackBroker.open(
        shared: shared.shared, local: local, isReachable: shared.isReachable, logger: logger)
      await stray.handOver()
      var cursor: String?
      var isEmpty = true
      repeat {
        let page = try await local.archive(after: cursor, limit: 500)
        if page.entries.contains(where: { if case .job = $0 { true } else { false } }) { isEmpty = false }
        cursor = page.next
      } while cursor != nil && isEmpty
      await local.close()
      return isEmpty
    } catch {
      await local.close()
      throw error
    }
  }

  private static func lastWrite(in folder: String) -> Date? {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasPrefix("journal.") }.compactMap {
      try? FileManager.default.attributesOfItem(atPath: "\(folder)/\($0)")[.modificationDate] as? Date
    }.max()
  }
}

import EventLoop
import Gateway
import Logging

/// The keys of a running gateway, exchanged while it runs: files when it is told to, a key set on the web on time and
/// when a token names a key that nobody knows.
///
/// A set that is not sound is refused as a whole, and the one before stays in force: a slip of the operator's or an
/// outage of the issuer's closes nobody's socket.
@EventLoop
final class KeyRotation {
  /// Fetches the key set's document.
  typealias Fetch = @Sendable () async throws -> [UInt8]

  private let keys: KeyStore
  private let fetch: Fetch?
  private let interval: Duration
  private let leastInterval: Duration
  private let logger: Logger
  /// What was fetched last, as far as it was sound.
  private var fetched: [VerificationKey] = []
  private var asking: Task<KeyRefresh, Never>?
  private var asked: (at: ContinuousClock.Instant, outcome: KeyRefresh)?
  private var timer: LoopTimer?
  /// Takes the keys of now.
  private var exchange: @EventLoop (Authenticator) -> Void = { _ in }

  /// `fetch` is nil where there is no set on the web; it is asked every `interval`, and for a token's sake at most
  /// once in `leastInterval`.
  init(keys: KeyStore, every interval: Duration, atMostEvery leastInterval: Duration, fetch: Fetch?, logger: Logger) {
    self.keys = keys
    self.fetch = fetch
    self.interval = interval
    self.leastInterval = leastInterval
    self.logger = logger
  }

  /// Reads everything for the first time. Throws where the keys of this machine cannot be used; a set on the web that
  /// cannot be had now is asked for again, and until then tokens that name its keys are not judged.
  func begin() async throws -> Authenticator {
    if fetch != nil { _ = await refresh() }
    return try keys.authenticator(with: fetched, mayLackKeys: fetch != nil)
  }

  /// Hands over whatever changes from now on, and asks the web on time.
  func run(_ exchange: @escaping @EventLoop (Authenticator) -> Void) {
    self.exchange = exchange
    guard fetch != nil else { return }
    timer = LoopTimer(every: interval) { [weak self] in
      Task { @EventLoop [weak self] in _ = await self?.refresh() }
    }
  }

  /// Changes nothing more.
  func stop() {
    timer = nil
    asking?.cancel()
    exchange = { _ in }
  }

  /// Reads the files anew, and asks the web, however lately that was done: a key that was withdrawn must go. What is
  /// not sound is refused and logged.
  func reload() async {
    var isWhole = true
    if fetch != nil {
      // An answer that is on its way may be older than what the operator did.
      if let asking { _ = await asking.value }
      isWhole = await askAnew() == .done
    }
    if await apply(), isWhole { logger.notice("the keys were read again") }
  }

  /// Asks the web for the set, unless that was done a moment ago; who asks meanwhile waits for the same answer.
  func refresh() async -> KeyRefresh {
    if let asking { return await asking.value }
    if let asked, ContinuousClock.now - asked.at < leastInterval {
      return asked.outcome == .failed ? .failed : .notNow
    }
    return await askAnew()
  }

  private func askAnew() async -> KeyRefresh {
    let task = Task { @EventLoop in await ask() }
    asking = task
    let outcome = await task.value
    asked = (.now, outcome)
    asking = nil
    return outcome
  }

  private func ask() async -> KeyRefresh {
    guard let fetch else { return .notNow }
    do {
      let document = try await fetch()
      fetched = try await Self.read(document)
    } catch {
      logger.warning("admission.jwks_url gives no keys; those of before stay", metadata: ["error": "\(error)"])
      return .failed
    }
    return await apply() ? .done : .failed
  }

  @concurrent private static func read(_ document: [UInt8]) async throws(KeyError) -> [VerificationKey] {
    let set = try JSONWebKeySet(json: document)
    // A secret that is fetched from the web is none.
    guard !set.keys.contains(where: \.algorithm.isSymmetric) else { throw .mixedKeySet }
    return set.keys
  }

  private func apply() async -> Bool {
    do {
      exchange(try await Self.authenticator(keys, fetched, mayLackKeys: fetch != nil))
      return true
    } catch {
      logger.error("the keys cannot be used; those of before stay", metadata: ["error": "\(error)"])
      return false
    }
  }

  /// Off the loop: files are read, and preparing a key takes its time.
  @concurrent private static func authenticator(
    _ keys: KeyStore, _ fetched: [VerificationKey], mayLackKeys: Bool
  ) async throws -> Authenticator {
    try keys.authenticator(with: fetched, mayLackKeys: mayLackKeys)
  }
}

import Synchronization

/// How many attempts are under way at each host, so that none takes more than its share.
final class EndpointShares: Sendable {
  private let limit: Int
  private let taken = Mutex<[String: Int]>([:])

  init(limit: Int) { self.limit = limit }

  /// False where the host has its share.
  func take(_ host: String) -> Bool {
    taken.withLock { taken in
      guard taken[host, default: 0] < limit else { return false }
      taken[host, default: 0] += 1
      return true
    }
  }

  func giveBack(_ host: String) {
    taken.withLock { taken in
      guard let count = taken[host] else { preconditionFailure("a share is given back that was not taken") }
      taken[host] = count > 1 ? count - 1 : nil
    }
  }
}

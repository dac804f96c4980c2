/// When a lost connection is opened again: after a random part of a time that doubles (full jitter),
/// so that the clients of a restarted gateway do not come back all at once.
struct ReconnectPolicy: Sendable {
  var shortest = Duration.milliseconds(500)
  var longest = Duration.seconds(20)
  private(set) var attempts = 0

  /// Whether a close code asks to come back (specs of the Centrifuge protocol §10): WebSocket's own
  /// do, 3000–3499 and 4000–4499 do, 3500–3999 and 4500–4999 do not. 1009, a message that is too
  /// large, would only be sent again.
  static func mayReconnect(afterClose code: Int) -> Bool {
    switch code {
    case 1009, 3500..<4000, 4500..<5000: false
    default: true
    }
  }

  /// How long to wait before the next attempt; `fraction` is a random number from 0 to 1.
  mutating func nextDelay(fraction: Double = .random(in: 0...1)) -> Duration {
    let ceiling = min(longest, shortest * (1 << min(attempts, 16)))
    attempts += 1
    return max(.milliseconds(50), ceiling * fraction)
  }

  /// The connection stands again: the next loss begins anew.
  mutating func succeed() { attempts = 0 }
}

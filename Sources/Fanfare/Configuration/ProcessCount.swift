import Foundation

/// How many processes a `serve` has.
enum ProcessCount: ConfigurationConvertible, Hashable {
  /// One for each core that this process may use.
  case auto
  case exactly(Int)

  static var wanted: String { "\"auto\", or a whole number from 1 to \(most)" }

  private static let most = 256

  init?(_ value: ConfigurationValue) {
    let number: Int?
    switch value {
    case .text("auto"), .untyped("auto"):
      self = .auto
      return
    case .whole(let whole): number = whole
    case .untyped(let text): number = Int(text)
    default: number = nil
    }
    guard let number, (1...Self.most).contains(number) else { return nil }
    self = .exactly(number)
  }

  var configurationValue: ConfigurationValue {
    switch self {
    case .auto: .text("auto")
    case .exactly(let number): .whole(number)
    }
  }
}

extension Configuration {
  /// How many processes a `serve` has. One that keeps the jobs itself is alone with them: "auto" is 1 then.
  var processCount: Int {
    switch gateway.processes {
    case .exactly(let number): number
    case .auto: broker.isEmbedded ? 1 : max(1, ProcessInfo.processInfo.activeProcessorCount)
    }
  }

  /// Whether this process does what is done once for a whole `serve`: backs up on time, sweeps the store, audits.
  var leads: Bool { seat?.isFirst ?? true }

  /// How many jobs this process runs at once: its share of `workers.embedded`.
  var ownWorkers: Int { seat?.share(of: workers.embedded) ?? workers.embedded }
}

import Jobs

/// Which alerts hold, and what of them is news: a value, fed with what is seen.
package struct AlertBook: Hashable, Sendable {
  /// Something that begins to need a look, or needs none any more.
  package enum Change: Hashable, Sendable {
    case raised(HealthAlert)
    case cleared(HealthAlert)
  }

  private struct Key: Hashable {
    var condition: HealthAlert.Condition
    var queue: QueueName?
  }

  private var holding: [Key: HealthAlert] = [:]

  package init() {}

  /// Notes what is seen now; answers what is news, what is over first. An alert whose figures changed is none.
  package mutating func note(_ alerts: [HealthAlert]) -> [Change] {
    let seen = Dictionary(alerts.map { (Key(condition: $0.condition, queue: $0.queue), $0) }) { first, _ in first }
    let over = holding.filter { seen[$0.key] == nil }.values.sorted { $0.detail < $1.detail }
    let new = seen.filter { holding[$0.key] == nil }.values.sorted { $0.detail < $1.detail }
    holding = seen
    return over.map(Change.cleared) + new.map(Change.raised)
  }
}

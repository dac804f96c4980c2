/// What is known of users for a while: what is over goes when the table has become full.
///
/// A sweep looks at every entry, and the next is due when the table has twice as many as were left: adding
/// costs the same, taken together, for ten users and for a million, and at most half of a large table is old.
struct SweptTable<Value> {
  private var values: [String: Value] = [:]
  /// Below that many entries nothing is swept.
  private let leastLimit: Int
  private var limit: Int
  /// How many entries all sweeps together looked at.
  private(set) var looks = 0

  init(sweepsAt leastLimit: Int = 10_000) {
    self.leastLimit = leastLimit
    limit = leastLimit
  }

  var count: Int { values.count }

  subscript(user: String) -> Value? { values[user] }

  /// Puts what is known of a user; when the table is full, what is not in force goes first.
  mutating func set(_ user: String, to value: Value, whereInForce isInForce: (Value) -> Bool) {
    if values.count >= limit {
      looks += values.count
      values = values.filter { isInForce($0.value) }
      limit = max(leastLimit, 2 * values.count)
    }
    values[user] = value
  }

  /// Changes what is known of a user, if anything is.
  mutating func update(_ user: String, to value: Value) {
    if values[user] != nil { values[user] = value }
  }

  mutating func remove(_ user: String) { values[user] = nil }
}

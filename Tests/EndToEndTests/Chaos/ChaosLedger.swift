import EventLoop

/// What a chaos run saw: what was acknowledged, how often things happened, and what must not have.
@EventLoop
final class ChaosLedger {
  /// The ids of acknowledged jobs, in the order of their acknowledgement.
  private(set) var acknowledged: [String] = []
  private var known: Set<String> = []
  /// Worker processes that were stopped: what still runs below them may meet its successor.
  var stoppedWorkers: Set<String> = []
  private(set) var violations: [String] = []
  private var counts: [String: Int] = [:]
  private var names: [String] = []

  func acknowledge(_ id: String) {
    guard known.insert(id).inserted else {
      violate("\(id) was acknowledged to two submissions")
      return
    }
    acknowledged.append(id)
  }

  func count(_ name: String, by number: Int = 1) {
    if counts[name] == nil { names.append(name) }
    counts[name, default: 0] += number
  }

  func violate(_ sentence: String) { violations.append(sentence) }

  subscript(_ name: String) -> Int { counts[name] ?? 0 }

  /// Every count, a line each, and the violations below.
  var table: String {
    let rows = names.map { ($0, counts[$0] ?? 0) } + [("violations", violations.count)]
    let width = rows.map(\.0.count).max() ?? 0
    let lines = rows.map { name, number in
      let digits = String(number)
      return "  " + name + String(repeating: " ", count: width - name.count + 10 - digits.count) + digits
    }
    return (lines + violations.prefix(40).map { "  ! \($0)" }).joined(separator: "\n")
  }
}

/// Returns after so long: chaos draws its moments, it does not wait for events.
@EventLoop
func pause(_ duration: Duration) async {
  let passed = AsyncStream<Never>.makeStream()
  let timer = LoopTimer(after: duration) { passed.continuation.finish() }
  for await _ in passed.stream {}
  timer.stop()
}

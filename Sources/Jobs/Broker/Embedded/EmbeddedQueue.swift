import DequeModule

/// The jobs of one queue that wait, in the order in which they will be taken.
///
/// Ten levels, each sorted by sequence: new jobs go to the end, returned ones to where they were,
/// which is the front. Taking and adding are O(1); the place of a job is found in O(log n).
struct EmbeddedQueue {
  private struct Place {
    var sequence: Int64
    var job: JobID
  }

  private var levels: [Deque<Place>] = Array(repeating: [], count: 10)

  var count: Int { levels.reduce(0) { $0 + $1.count } }
  var isEmpty: Bool { levels.allSatisfy(\.isEmpty) }

  mutating func insert(_ job: JobID, priority: Priority, sequence: Int64) {
    let level = priority.level - 1
    levels[level].insert(
      Place(sequence: sequence, job: job), at: index(of: sequence, in: levels[level]))
  }

  mutating func popFirst() -> JobID? {
    for level in levels.indices.reversed() {
      if let place = levels[level].popFirst() { return place.job }
    }
    return nil
  }

  mutating func remove(_ job: JobID, priority: Priority, sequence: Int64) {
    let level = priority.level - 1
    let index = index(of: sequence, in: levels[level])
    if index < levels[level].count, levels[level][index].job == job {
      levels[level].remove(at: index)
    }
  }

  /// 1 is next.
  func position(priority: Priority, sequence: Int64) -> Int {
    let level = priority.level - 1
    let ahead = levels[(level + 1)...].reduce(0) { $0 + $1.count }
    return ahead + index(of: sequence, in: levels[level]) + 1
  }

  /// Where the first place at or behind the sequence is.
  private func index(of sequence: Int64, in places: Deque<Place>) -> Int {
    // Nearly always at one of the ends.
    guard let last = places.last, last.sequence >= sequence else { return places.count }
    var low = 0
    var high = places.count - 1
    while low < high {
      let middle = (low + high) / 2
      if places[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// A sorted set that knows the rank of its elements: waiting jobs, deadlines, listings.
///
/// Kept as blocks of at most 512 in one order. With n elements, finding is O(log n); inserting,
/// removing and ranking also walk the n/512 blocks' counts or move one block: a few microseconds at
/// a million. Append at the end and removal at the front, the common cases, touch one block.
struct SortedBlocks<Element: Comparable & Sendable>: Sendable {
  private var blocks: [[Element]] = []
  private(set) var count = 0

  private static var blockLimit: Int { 512 }

  init() {}

  var isEmpty: Bool { count == 0 }
  var first: Element? { blocks.first?.first }

  /// Inserts an element that is not yet in the set.
  mutating func insert(_ element: Element) {
    count += 1
    guard !blocks.isEmpty else {
      blocks.append([element])
      return
    }
    let block = min(blockIndex(for: element), blocks.count - 1)
    let place = Self.place(of: element, in: blocks[block])
    blocks[block].insert(element, at: place)
    guard blocks[block].count > Self.blockLimit else { return }
    if block == blocks.count - 1, place == Self.blockLimit {
      // Growth at the end leaves full blocks behind, not half full ones.
      blocks.append([blocks[block].removeLast()])
    } else {
      let half = Self.blockLimit / 2
      blocks.insert(Array(blocks[block][half...]), at: block + 1)
      blocks[block].removeSubrange(half...)
    }
  }

  /// Removes an element; harmless when it is not in the set.
  mutating func remove(_ element: Element) {
    let block = blockIndex(for: element)
    guard block < blocks.count else { return }
    let place = Self.place(of: element, in: blocks[block])
    guard place < blocks[block].count, blocks[block][place] == element else { return }
    blocks[block].remove(at: place)
    count -= 1
    if blocks[block].isEmpty { blocks.remove(at: block) }
  }

  /// Takes one element for another; nil is none.
  mutating func move(from old: Element?, to new: Element?) {
    guard old != new else { return }
    if let old { remove(old) }
    if let new { insert(new) }
  }

  func contains(_ element: Element) -> Bool {
    let block = blockIndex(for: element)
    guard block < blocks.count else { return false }
    let place = Self.place(of: element, in: blocks[block])
    return place < blocks[block].count && blocks[block][place] == element
  }

  /// How many elements stand before this one.
  func rank(of element: Element) -> Int {
    let block = blockIndex(for: element)
    let before = blocks[..<min(block, blocks.count)].reduce(0) { $0 + $1.count }
    guard block < blocks.count else { return before }
    return before + Self.place(of: element, in: blocks[block])
  }

  /// The first elements, while they fulfil `condition`, at most `limit`.
  func prefix(_ limit: Int, while condition: (Element) -> Bool) -> [Element] {
    var found: [Element] = []
    for block in blocks {
      for element in block {
        guard found.count < limit, condition(element) else { return found }
        found.append(element)
      }
    }
    return found
  }

  /// The first elements behind `bound`, while they fulfil `condition`, at most `limit`.
  func elements(after bound: Element, limit: Int, while condition: (Element) -> Bool) -> [Element] {
    var found: [Element] = []
    var block = blockIndex(for: bound)
    guard block < blocks.count else { return found }
    var place = Self.place(of: bound, in: blocks[block])
    while block < blocks.count {
      for element in blocks[block][place...] where element != bound {
        guard found.count < limit, condition(element) else { return found }
        found.append(element)
      }
      block += 1
      place = 0
    }
    return found
  }

  /// Visits the elements below `bound` (all, if nil) from the last to the first, until `visit` is false.
  func forEachDescending(below bound: Element?, _ visit: (Element) -> Bool) {
    var block = bound.map { min(blockIndex(for: $0), blocks.count - 1) } ?? blocks.count - 1
    var end = bound.map { block >= 0 ? Self.place(of: $0, in: blocks[block]) : 0 }
    while block >= 0 {
      for element in blocks[block][..<(end ?? blocks[block].count)].reversed() {
        guard visit(element) else { return }
      }
      end = nil
      block -= 1
    }
  }

  /// The first block whose last element is not below `element`; the count of blocks if none.
  private func blockIndex(for element: Element) -> Int {
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].last! < element { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Where in a block an element stands or would stand.
  private static func place(of element: Element, in block: [Element]) -> Int {
    var low = 0
    var high = block.count
    while low < high {
      let middle = (low + high) / 2
      if block[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

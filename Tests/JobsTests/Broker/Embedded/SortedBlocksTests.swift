import Support
import Testing

@testable import Jobs

@Suite("Sorted blocks")
struct SortedBlocksTests {
  @Test("agree with a sorted array, whatever comes and goes", arguments: 1...8)
  func model(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var blocks = SortedBlocks<Int>()
    var array: [Int] = []
    for step in 0..<4000 {
      let value = Int.random(in: 0..<5000, using: &random)
      let place = array.firstIndex { $0 >= value } ?? array.count
      let isThere = place < array.count && array[place] == value
      if Int.random(in: 0..<10, using: &random) < (step < 2500 ? 3 : 8) {
        blocks.remove(value)
        if isThere { array.remove(at: place) }
      } else if !isThere {
        blocks.insert(value)
        array.insert(value, at: place)
      }
      #expect(blocks.count == array.count)
      #expect(blocks.first == array.first)
      #expect(blocks.rank(of: value) == place)
    }
    #expect(blocks.prefix(.max) { _ in true } == array)
    #expect(blocks.prefix(5) { $0 < 2000 } == Array(array.prefix(5).prefix { $0 < 2000 }))
    for bound in [nil, 0, 1234, 4999, 9999] {
      var seen: [Int] = []
      blocks.forEachDescending(below: bound) {
        seen.append($0)
        return seen.count < 700
      }
      #expect(seen == Array(array.filter { $0 < bound ?? .max }.reversed().prefix(700)))
    }
  }

  @Test("can be empty")
  func empty() {
    var blocks = SortedBlocks<Int>()
    blocks.remove(1)
    #expect(blocks.isEmpty && blocks.first == nil && blocks.rank(of: 5) == 0)
    blocks.forEachDescending(below: 3) { _ in
      Issue.record("there is nothing to visit")
      return true
    }
    blocks.insert(1)
    blocks.remove(1)
    #expect(blocks.isEmpty && blocks.prefix(3) { _ in true }.isEmpty)
  }

  @Test("grow and shrink at their ends, as a queue does")
  func queue() {
    var blocks = SortedBlocks<Int>()
    for value in 0..<5000 { blocks.insert(value) }
    for value in 0..<5000 {
      #expect(blocks.first == value)
      blocks.remove(value)
    }
    #expect(blocks.isEmpty)
  }
}

import Testing

@testable import Gateway

@Suite("What is known of users for a while") struct SweptTableTests {
  @Test(
    "is swept at a cost that does not grow with what is in force",
    arguments: [0, 10, 99, 100, 1000, 30_000], [1, 2, 50_000])
  func cost(inForce: Int, _ rest: Int) {
    var table = SweptTable<Bool>(sweepsAt: 100)
    var sets = 0
    for user in 0..<inForce {
      table.set("\(user)", to: true) { $0 }
      sets += 1
    }
    for user in 0..<rest {
      table.set("old \(user)", to: false) { $0 }
      sets += 1
    }
    #expect(table.looks <= 3 * sets, "so many looks for \(sets) entries")
    #expect(table.count <= max(100, 2 * inForce) + 1, "what is over is let go")
    for user in stride(from: 0, to: inForce, by: 7) { #expect(table["\(user)"] == true) }
  }

  @Test("takes changes only of those it knows")
  func changes() {
    var table = SweptTable<Int>()
    table.update("alice", to: 1)
    #expect(table["alice"] == nil)
    table.set("alice", to: 1) { _ in true }
    table.update("alice", to: 2)
    #expect(table["alice"] == 2)
    table.remove("alice")
    #expect(table["alice"] == nil && table.count == 0)
  }
}

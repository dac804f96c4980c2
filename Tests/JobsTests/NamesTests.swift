import Jobs
import Testing

@Suite("Names")
struct NamesTests {
  @Test(
    "are made of letters, digits, dots, dashes and underlines",
    arguments: ["a", "default", "Video-4k.hd_2", "0", "-", String(repeating: "x", count: 64)])
  func accepted(_ text: String) {
    #expect(QueueName(text)?.description == text)
    #expect(JobKind(text)?.description == text)
    #expect(WorkerID(text)?.description == text)
  }

  @Test(
    "are made of nothing else",
    arguments: ["", " ", "a b", "a:b", "{a}", "a/b", "é", "a\n", "a\u{0}", "*", "😀"])
  func refused(_ text: String) {
    #expect(QueueName(text) == nil)
    #expect(JobKind(text) == nil)
    #expect(WorkerID(text) == nil)
  }

  @Test("are in the order of their letters")
  func order() {
    let names = ["b", "a-2", "B", "a-10", "a"]
    let sorted = ["B", "a", "a-10", "a-2", "b"]
    #expect(names.compactMap { QueueName($0) }.sorted().map(\.description) == sorted)
    #expect(names.compactMap { WorkerID($0) }.sorted().map(\.description) == sorted)
    #expect(names.map { NodeID($0) }.sorted().map(\.description) == sorted)
  }

  @Test("have a greatest length")
  func length() {
    #expect(QueueName(String(repeating: "x", count: 65)) == nil)
    #expect(JobKind(String(repeating: "x", count: 65)) == nil)
    #expect(WorkerID(String(repeating: "x", count: 128)) != nil)
    #expect(WorkerID(String(repeating: "x", count: 129)) == nil)
  }

  @Test("priorities go from 1 to 10, 10 most urgent")
  func priority() throws {
    #expect(Priority(0) == nil && Priority(11) == nil && Priority(-1) == nil)
    let levels = try (1...10).map { try #require(Priority($0)) }
    #expect(levels.sorted() == levels)
    #expect(Priority.normal.level == 5)
  }
}

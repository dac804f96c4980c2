import Jobs
import Testing

@Suite("A job's id")
struct JobIDTests {
  @Test("is a UUID of version 8 that knows its time and partition")
  func parts() throws {
    let time = Timestamp(milliseconds: 1_750_000_000_123)
    let id = JobID(at: time, partition: 4095)
    let text = Array(id.description)
    #expect(text.count == 36)
    #expect([8, 13, 18, 23].allSatisfy { text[$0] == "-" })
    #expect(text[14] == "8")
    #expect("89ab".contains(text[19]), "the variant of RFC 9562")
    #expect(id.time == time)
    #expect(id.partition == 4095)
    #expect(JobID(at: time).partition == 0)
  }

  @Test("reads back from its text, in either case")
  func roundTrip() throws {
    for partition in [0, 1, 4095] {
      let id = JobID(partition: partition)
      #expect(JobID(id.description) == id)
      #expect(JobID(id.description.uppercased()) == id)
      #expect(id.description == id.description.lowercased())
      #expect(JobID("x\(id)".dropFirst()) == id)
    }
  }

  @Test(
    "is read from nothing else",
    arguments: [
      "", "x", "01977420-dc7b-8000-8000-00000000000", "01977420-dc7b-8000-8000-0000000000000",
      "01977420-dc7b-4000-8000-000000000000", "01977420dc7b80008000000000000000",
      "01977420-dc7b-8000-8000_000000000000", "01977420-dc7b-8000-8000-00000000000g",
      "-1977420-dc7b-8000-8000-000000000000", "{1977420-dc7b-8000-8000-00000000000}",
      " 1977420-dc7b-8000-8000-000000000000", "01977420-dc7b-8000-8000-0000000000é",
    ])
  func refused(_ text: String) {
    #expect(JobID(text) == nil)
  }

  @Test("sorts by time, and as its text does")
  func order() {
    var ids: [JobID] = []
    for milliseconds in [1, 255, 256, 1_750_000_000_000, 1_750_000_000_001] {
      ids.append(JobID(at: Timestamp(milliseconds: Int64(milliseconds)), partition: 7))
    }
    #expect(ids.sorted() == ids)
    #expect(ids.map(\.description).sorted() == ids.map(\.description))
  }

  @Test("is never the same twice")
  func unique() {
    let time = Timestamp.now
    #expect(Set((0..<10_000).map { _ in JobID(at: time) }).count == 10_000)
  }
}

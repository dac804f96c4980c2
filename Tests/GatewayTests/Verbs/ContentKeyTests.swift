import Jobs
import Testing

@testable import Gateway

@Suite("A content key") struct ContentKeyTests {
  private let kind = JobKind("separate")!

  private func key(_ payload: String, _ hashes: [UploadID: String] = [:]) throws -> String {
    ContentKey.key(
      kind: kind, payload: try JSONDocument(bytes: Array(payload.utf8)).root, hashes: hashes)
  }

  @Test("is one for payloads that mean the same")
  func same() throws {
    #expect(try key(#"{"a":1,"b":[true,null]}"#) == key(#"{ "b" : [ true, null ], "a" : 1.0 }"#))
    #expect(try key(#"{"a":"é"}"#) == key(#"{"a":"\u00e9"}"#))
  }

  @Test("differs where payloads differ", arguments: [#"{"a":2}"#, #"{"b":1}"#, #"{"a":"1"}"#, "[1]"])
  func other(payload: String) throws { #expect(try key(#"{"a":1}"#) != key(payload)) }

  @Test("differs with the kind")
  func kinds() throws {
    let payload = try JSONDocument(bytes: Array("{}".utf8)).root
    #expect(
      ContentKey.key(kind: kind, payload: payload, hashes: [:])
        != ContentKey.key(kind: JobKind("other")!, payload: payload, hashes: [:]))
  }

  @Test("looks through uploads to their bytes")
  func uploads() throws {
    let (a, b) = (UploadID(), UploadID())
    let (one, other) = (#"{"input":"upload:\#(a)"}"#, #"{"input":"upload:\#(b)"}"#)
    #expect(try key(one, [a: "hash"]) == key(other, [b: "hash"]))
    #expect(try key(one, [a: "hash"]) != key(other, [b: "another"]))
    // Without a hash an upload stands for itself.
    #expect(try key(one) != key(other))
    #expect(ContentKey.uploads(in: try JSONDocument(bytes: Array(one.utf8)).root) == [a])
  }

  @Test("is SHA-256")
  func digest() {
    let digest = ContentDigest()
    digest.add("ab".utf8)
    digest.add("c".utf8)
    #expect(
      digest.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}

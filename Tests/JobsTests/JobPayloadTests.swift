import Jobs
import Testing

@Suite("A payload") struct JobPayloadTests {
  private let stored = StoredPayload(
    job: JobID(), size: 20_000, digest: String(repeating: "0123456789abcdef", count: 4))

  private func read(_ text: String) -> JobPayload? { JobPayload(Array(text.utf8)) }

  @Test("that lies in the store is kept as a reference of about a hundred bytes, and read back")
  func reference() throws {
    var callback = stored
    callback.group = GroupID()
    for payload in [JobPayload.stored(stored), .stored(callback)] {
      #expect(JobPayload(payload.bytes) == payload)
      #expect(payload.bytes.count < 160)
      #expect(throws: JSONError.self, "no JSON text reads so") {
        try JSONText(validating: payload.bytes)
      }
    }
    #expect(JobPayload.stored(stored) != .stored(callback))
  }

  @Test(
    "that is JSON is never taken for a reference",
    arguments: [
      "{}", "null", " @", #""@0""#, #"{"@":1}"#, "1",
      #""@01935a4e-8c1a-8000-8a3b-5f0f6d2e9c11 1 00""#,
    ])
  func text(_ text: String) throws {
    #expect(read(text) == .inline(JSONText(unchecked: Array(text.utf8))))
    #expect(read(text)?.description == text)
  }

  @Test("of another form is none")
  func malformed() {
    let digest = stored.digest
    for text in [
      "@", "@{}", "@\(stored.job)", "@\(stored.job) 5", "@\(stored.job) -5 \(digest)",
      "@\(stored.job) 5 \(digest.dropLast())", "@\(stored.job) 5 \(digest) ", "@\(stored.job)  5 \(digest)",
      "@../\(stored.job) 5 \(digest)", "@\(stored.job).x 5 \(digest)",
      "@\(stored.job) 5 \(digest.dropLast())G", "@\(stored.job).\(stored.job).1 5 \(digest)",
    ] {
      #expect(read(text) == nil, "\(text)")
    }
    #expect(read("@\(stored.job) 5 \(digest)") != nil)
  }

  @Test("counts the same in a fingerprint wherever its text lies")
  func fingerprint() throws {
    for count in [1025, 20_000] {
      let text = JSONText(unchecked: Array("\"\(String(repeating: "x", count: count - 2))\"".utf8))
      let inline = JobRequest.example(payload: text, key: "k")
      var moved = inline
      moved.payload = .stored(
        StoredPayload(job: moved.id, size: count, digest: JobPayload.inline(text).digest))
      #expect(moved.fingerprint == inline.fingerprint)
      moved.payload = .stored(StoredPayload(job: moved.id, size: count, digest: stored.digest))
      #expect(moved.fingerprint != inline.fingerprint)
    }
  }
}

import Jobs
import Testing

@Suite("A job's request")
struct JobRequestTests {
  @Test("has a fingerprint of sixteen digits, whatever its id and key")
  func fingerprint() {
    let one = JobRequest.example(key: "k")
    let other = JobRequest.example(key: "l")
    #expect(one.id != other.id)
    #expect(one.fingerprint == other.fingerprint)
    #expect(one.fingerprint.utf8.count == 16)
  }

  @Test("has the same fingerprint for the same, made anew")
  func sameRequest() {
    func make() -> JobRequest {
      .example {
        $0.order = .lifo
        $0.start = .after(.seconds(5))
        $0.retry = RetryPolicy(growth: .fixed, base: .seconds(1), cap: .seconds(2), jitter: 0.1)
        $0.startWithin = .seconds(1)
        $0.totalTimeout = .seconds(2)
        $0.uniqueKey = "é"
        $0.contentKey = "c"
      }
    }
    #expect(make().fingerprint == make().fingerprint)
    #expect(JobRequest.example().fingerprint == JobRequest.example { $0.id = JobID() }.fingerprint)
    #expect(
      JobRequest.example().fingerprint == JobRequest.example { $0.isRecorded = true }.fingerprint,
      "the gateway's own wish")
  }

  @Test("has another fingerprint when anything else differs")
  func differences() {
    var requests = [JobRequest.example()]
    func vary(_ change: (inout JobRequest) -> Void) {
      var request = JobRequest.example()
      change(&request)
      requests.append(request)
    }
    vary { $0.queue = .video }
    vary { $0.kind = JobKind("other")! }
    vary { $0.user = "bob" }
    vary { $0.payload = .inline(JSONText(unchecked: Array("[]".utf8))) }
    vary { $0.priority = .high }
    vary { $0.maxAttempts = 4 }
    vary { $0.timeout = .seconds(1) }
    vary { $0.timeout = .seconds(2) }
    vary { $0.timeout = .milliseconds(1500) }
    vary { $0.maxAttempts = nil }
    vary { $0.order = .lifo }
    vary { $0.order = .fifo }
    vary { $0.start = .after(.seconds(1)) }
    vary { $0.start = .after(.milliseconds(1001)) }
    vary { $0.start = .at(Timestamp(milliseconds: 1_750_000_000_000)) }
    vary { $0.start = .at(Timestamp(milliseconds: 1_750_000_000_001)) }
    vary { $0.retry = .standard }
    vary { $0.retry = RetryPolicy(growth: .fixed) }
    vary { $0.retry = RetryPolicy(base: .seconds(3)) }
    vary { $0.retry = RetryPolicy(cap: .seconds(3)) }
    vary { $0.retry = RetryPolicy(jitter: 0.25) }
    vary { $0.startWithin = .seconds(1) }
    vary { $0.totalTimeout = .seconds(1) }
    vary { $0.uniqueKey = "k" }
    vary { $0.uniqueKey = "l" }
    vary { $0.contentKey = "k" }
    vary { $0.webhooks = [Webhook("https://example.com/a")] }
    vary { $0.webhooks = [Webhook("https://example.com/b")] }
    vary { $0.webhooks = [Webhook("https://example.com/a", .all)] }
    vary { $0.uniqueKey = "k content 1 k" }
    vary { request in
      request.uniqueKey = "k"
      request.contentKey = "k"
    }
    let parents = [JobID(), JobID()]
    vary { $0.dependencies = JobDependencies(parents: [parents[0]]) }
    vary { $0.dependencies = JobDependencies(parents: parents) }
    vary { $0.dependencies = JobDependencies(parents: parents, whenOneFails: .run) }
    let group = GroupID()
    vary { $0.group = group }
    vary { $0.group = GroupID() }
    vary { request in
      request.group = group
      request.weight = 2
    }
    #expect(Set(requests.map(\.fingerprint)).count == requests.count)
  }
}

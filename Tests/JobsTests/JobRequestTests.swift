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
    vary { $0.payload = JSONText(unchecked: Array("[]".utf8)) }
    vary { $0.priority = .high }
    vary { $0.maxAttempts = 4 }
    vary { $0.timeout = .seconds(1) }
    vary { $0.timeout = .seconds(2) }
    #expect(Set(requests.map(\.fingerprint)).count == requests.count)
  }
}

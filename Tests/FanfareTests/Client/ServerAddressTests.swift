import Testing

@testable import Fanfare

@Suite("A gateway's address") struct ServerAddressTests {
  @Test(
    "is read as users write it",
    arguments: [
      ("http://127.0.0.1:8000", "127.0.0.1", 8000, "", false),
      ("127.0.0.1:8000/", "127.0.0.1", 8000, "", false),
      ("ws://host:9/connection/websocket", "host", 9, "", false),
      ("https://jobs.example.com/fanfare/", "jobs.example.com", 443, "/fanfare", true),
      ("http://[::1]:80/a?b", "::1", 80, "/a", false), ("http://[::1]", "::1", 80, "", false),
      ("localhost", "localhost", 80, "", false),
    ])
  func read(_ text: String, _ host: String, _ port: Int, _ prefix: String, _ isSecure: Bool) throws {
    let address = try #require(ServerAddress(text))
    #expect(address.host == host)
    #expect(address.port == port)
    #expect(address.prefix == prefix)
    #expect(address.isSecure == isSecure)
  }

  @Test(
    "is refused where it is none",
    arguments: [
      "", "http://", "ftp://x", "http://a:b", "http://a:0", "http://a:70000", "http://u:p@h", "a b",
    ])
  func refused(_ text: String) {
    #expect(ServerAddress(text) == nil)
  }

  @Test("is written for people")
  func written() {
    #expect(ServerAddress("http://[::1]:80")?.url("/x") == "http://[::1]/x")
    #expect(ServerAddress("http://h:81/p")?.url("/x") == "http://h:81/p/x")
  }
}

@Suite("Coming back") struct ReconnectPolicyTests {
  @Test(
    "follows the ranges of close codes",
    arguments: [
      (1000, true), (1006, true), (1009, false), (3001, true), (3499, true), (3500, false),
      (3999, false), (4000, true), (4499, true), (4500, false), (4999, false), (5000, true),
    ])
  func codes(_ code: Int, _ comesBack: Bool) {
    #expect(ReconnectPolicy.mayReconnect(afterClose: code) == comesBack)
  }

  @Test("waits a random part of a time that doubles up to a bound, and begins anew after success")
  func backoff() {
    var policy = ReconnectPolicy()
    let ceilings = (0..<8).map { _ in policy.nextDelay(fraction: 1) }
    #expect(ceilings.prefix(4) == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4)])
    #expect(ceilings.last == .seconds(20))
    #expect(policy.nextDelay(fraction: 0.25) == .seconds(5))
    policy.succeed()
    #expect(policy.nextDelay(fraction: 1) == .milliseconds(500))
  }
}

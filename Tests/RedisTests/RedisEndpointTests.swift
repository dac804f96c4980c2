import Redis
import Testing

@Suite("A Redis endpoint") struct RedisEndpointTests {
  @Test(
    "is read from its URL",
    arguments: [
      ("redis://localhost", RedisEndpoint(.tcp(host: "localhost", port: 6379))),
      ("redis://10.0.0.7:7000/3", RedisEndpoint(.tcp(host: "10.0.0.7", port: 7000), database: 3)),
      ("redis://[::1]:6380/", RedisEndpoint(.tcp(host: "::1", port: 6380))),
      (
        "redis://anna:p%40ss@redis.internal/1",
        RedisEndpoint(
          .tcp(host: "redis.internal", port: 6379), user: "anna", password: "p@ss", database: 1)
      ),
      (
        "redis://:secret@localhost",
        RedisEndpoint(.tcp(host: "localhost", port: 6379), password: "secret")
      ),
      ("unix:///run/redis.sock", RedisEndpoint(.unix(path: "/run/redis.sock"))),
      ("unix:///run/redis.sock?db=2", RedisEndpoint(.unix(path: "/run/redis.sock"), database: 2)),
      (
        "unix://:secret@/run/redis.sock",
        RedisEndpoint(.unix(path: "/run/redis.sock"), password: "secret")
      ),
    ])
  func reading(_ text: String, _ endpoint: RedisEndpoint) {
    #expect(RedisEndpoint(text) == endpoint)
  }

  @Test(
    "refuses what it would have to guess",
    arguments: [
      "", "localhost:6379", "http://localhost", "redis://", "redis://host:70000", "redis://host/x",
      "redis://host/-1", "unix://", "unix:///", "unix:///s?db=x", "unix:///s?other=1",
      "unix://host/path",
    ])
  func refusing(_ text: String) { #expect(RedisEndpoint(text) == nil) }

  @Test("does not tell its password")
  func secrecy() throws {
    let endpoint = try #require(RedisEndpoint("redis://anna:hunter2@localhost/1"))
    #expect(endpoint.description == "redis://anna@localhost:6379/1")
  }
}

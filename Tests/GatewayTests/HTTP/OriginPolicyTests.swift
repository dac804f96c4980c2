import Gateway
import Testing

@Suite("The origin policy") struct OriginPolicyTests {
  private func policy(sockets: [String] = [], cors: [String] = []) -> OriginPolicy {
    var settings = GatewaySettings()
    settings.allowedOrigins = sockets
    settings.corsOrigins = cors
    return OriginPolicy(settings: settings)
  }

  private func request(origin: String?) -> Request {
    var request = Request(method: .get, path: "/", headers: ["host": "push.example.com:8000"])
    request.headers["origin"] = origin
    return request
  }

  @Test(
    "lets in programs, the own host and the listed",
    arguments: [
      (nil, true), ("http://push.example.com:8000", true), ("https://PUSH.example.com:8000", true),
      ("https://app.example.com", true), ("https://evil.example.com", false), ("null", false),
      ("https://push.example.com:8000.evil.com", false), ("https://app.example.com.evil.com", false),
      ("http://push.example.com", false),
    ] as [(String?, Bool)])
  func origins(origin: String?, isAllowed: Bool) {
    let policy = policy(sockets: ["https://app.example.com"])
    #expect(policy.isAllowed(request(origin: origin)) == isAllowed)
  }

  @Test("says nothing of CORS unless configured")
  func silent() {
    #expect(policy().headers(for: request(origin: "https://app.example.com")).isEmpty)
    let preflight = policy().preflight(request(origin: "https://app.example.com"), allowing: ["GET"])
    #expect(!preflight.headers.contains { $0.name == "access-control-allow-origin" })
  }

  @Test("lets pages of listed origins use the methods of an address, and read what older systems tell beside")
  func methods() throws {
    let policy = policy(cors: ["https://app.example.com"])
    func words(_ name: String, of headers: [(name: String, value: String)]) -> Set<String> {
      Set(headers.first { $0.name == name }?.value.split(separator: ", ").map(String.init) ?? [])
    }
    let asked = request(origin: "https://app.example.com")
    let allowed = words(
      "access-control-allow-methods", of: policy.preflight(asked, allowing: ["PUT", "PATCH"]).headers)
    #expect(allowed == ["PUT", "PATCH", "OPTIONS"])
    let exposed = words("access-control-expose-headers", of: policy.headers(for: asked))
    #expect(exposed.isSuperset(of: ["link", "x-job-state"]))
    let foreign = policy.preflight(request(origin: "https://evil.example.com"), allowing: ["PUT"])
    #expect(words("access-control-allow-methods", of: foreign.headers).isEmpty)
  }

  @Test("names the origin it lets read, never a star")
  func cors() {
    let policy = policy(cors: ["*"])
    let headers = policy.headers(for: request(origin: "https://app.example.com"))
    #expect(headers.contains { $0 == ("access-control-allow-origin", "https://app.example.com") })
    #expect(headers.contains { $0 == ("vary", "origin") })
    let preflight = policy.preflight(request(origin: "https://app.example.com"), allowing: ["PATCH", "DELETE"])
    #expect(preflight.headers.contains { $0 == ("access-control-allow-methods", "PATCH, DELETE, OPTIONS") })
  }
}

import EventLoop
import Foundation
import Gateway
import Logging
import Support
import Synchronization
import Testing

@testable import Fanfare

@Suite("Keys that are exchanged", .timeLimit(.minutes(1))) @EventLoop struct KeyRotationTests {
  /// The set on the web, as it is just now; nil: it cannot be had.
  private final class Web: Sendable {
    private let document = Mutex<String?>(nil)
    private let fetches = Mutex(0)
    var count: Int { fetches.withLock { $0 } }

    func show(_ text: String?) { document.withLock { $0 = text } }

    func fetch() throws -> [UInt8] {
      fetches.withLock { $0 += 1 }
      guard let text = document.withLock({ $0 }) else { throw CommandFailure(description: "away") }
      return Array(text.utf8)
    }
  }

  private static let sound = """
    {"keys":[{"kty":"EC","crv":"P-256","kid":"web","alg":"ES256","use":"sig",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}
    """
  private static let secrets =
    #"{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"\#(String(repeating: "QUJD", count: 16))"}]}"#

  private func configuration(_ folder: TemporaryFolder) throws -> Configuration {
    var configuration = Configuration()
    configuration.broker.folder = folder.path
    configuration.admission.keys = [KeyConfiguration(id: "a", secretFile: folder.path("secret"))]
    try write("s", to: folder)
    return configuration
  }

  private func write(_ letter: String, to folder: TemporaryFolder, count: Int = 32) throws {
    try Data(String(repeating: letter, count: count).utf8).write(to: URL(fileURLWithPath: folder.path("secret")))
  }

  private func token(_ letter: String) throws -> String {
    let key = try SigningKey(secret: Array(String(repeating: letter, count: 32).utf8), algorithm: .hs256, id: "a")
    return try TokenIssuer(key: key).connectionToken(user: "alice", lifetime: .seconds(60), now: Date())
  }

  @Test("files are read again when that is asked for; those that are not sound change nothing")
  func files() async throws {
    let folder = TemporaryFolder()
    let log = LogRecorder(from: .info)
    let rotation = KeyRotation(
      keys: KeyStore(try configuration(folder), environment: [:]), every: .seconds(900),
      atMostEvery: .seconds(30), fetch: nil, logger: Logger(label: "test") { _ in log })
    var live = try await rotation.begin()
    rotation.run { live = $0 }
    #expect(try live.authenticate(try token("s"), now: Date()).user == "alice")
    try write("x", to: folder, count: 5)
    await rotation.reload()
    #expect(try live.authenticate(try token("s"), now: Date()).user == "alice", "too short a secret is refused")
    #expect(log.events.contains { $0.level == .error })
    try write("n", to: folder)
    await rotation.reload()
    #expect(try live.authenticate(try token("n"), now: Date()).user == "alice")
    #expect(throws: TokenError.badSignature) { try live.authenticate(try token("s"), now: Date()) }
    rotation.stop()
  }

  @Test("a set on the web is fetched at the start, on time and for a token, and an unsound one is refused")
  func web() async throws {
    let folder = TemporaryFolder(), web = Web()
    let rotation = KeyRotation(
      keys: KeyStore(try configuration(folder), environment: [:]), every: .seconds(900),
      atMostEvery: .zero, fetch: { try web.fetch() }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    _ = try await rotation.begin()
    #expect(web.count == 1, "that it is away keeps nobody from starting")
    let exchanged = Arrivals<Bool>()
    rotation.run { _ in exchanged.append(true) }
    #expect(await rotation.refresh() == .failed)
    for bad in ["nonsense", #"{"keys":[]}"#, Self.secrets] {
      web.show(bad)
      #expect(await rotation.refresh() == .failed, "\(bad.prefix(20))")
    }
    #expect(exchanged.values.isEmpty)
    web.show(Self.sound)
    #expect(await rotation.refresh() == .done && exchanged.values.count == 1)
    web.show(nil)
    #expect(await rotation.refresh() == .failed)
    #expect(exchanged.values.count == 1, "the set of before stays")
    rotation.stop()
  }

  @Test("for tokens the web is asked only now and then, and once for all who wait")
  func rate() async throws {
    let folder = TemporaryFolder(), web = Web()
    web.show(Self.sound)
    let rotation = KeyRotation(
      keys: KeyStore(try configuration(folder), environment: [:]), every: .seconds(900),
      atMostEvery: .seconds(600), fetch: { try web.fetch() },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    async let first = rotation.refresh()
    async let second = rotation.refresh()
    #expect(await [first, second] == [.done, .done])
    #expect(await rotation.refresh() == .notNow)
    #expect(web.count == 1)
    await rotation.reload()
    #expect(web.count == 2, "an operator who asks is not told of what was a while ago")
    rotation.stop()
  }

  @Test(
    "only addresses with TLS, or of this machine, are asked",
    arguments: [
      ("https://id.example.com/keys", true), ("http://127.0.0.1:99/k", true), ("http://localhost/k", true),
      ("http://id.example.com/keys", false), ("https://u:p@id.example.com/k", false), ("file:///etc/passwd", false),
      ("https://", false), ("id.example.com", false),
    ])
  func addresses(_ address: String, _ isTaken: Bool) throws {
    let load = {
      try ConfigurationFile.load(
        path: nil, environment: ["FANFARE_ADMISSION_JWKS_URL": address])
    }
    if isTaken {
      #expect(try load().admission.jwksURL == address)
    } else {
      #expect(throws: ConfigurationFaults.self) { try load() }
    }
  }
}

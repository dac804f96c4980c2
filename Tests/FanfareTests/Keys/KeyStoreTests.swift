import Foundation
import Gateway
import Testing

@testable import Fanfare

@Suite("Keys") struct KeyStoreTests {
  private func withFolder(_ body: (Configuration, String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "fanfare-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var configuration = Configuration()
    configuration.broker.folder = folder
    try body(configuration, folder)
  }

  @Test("the development key is made once, for its owner only, and tokens outlive a restart")
  func developmentKey() throws {
    try withFolder { configuration, folder in
      let first = KeyStore(configuration, environment: [:])
      #expect(try first.existingDevelopmentKey() == nil)
      let token = try DevelopmentToken.make(with: try first.developmentKey(), configuration)
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/development.key")
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["development.key"])

      let second = KeyStore(configuration, environment: [:])
      let identity = try second.authenticator().authenticate(token, now: Date())
      #expect(identity.user == "developer")
    }
  }

  @Test("a secret from a file signs and checks, its last line break left out")
  func secretFile() throws {
    try withFolder { configuration, folder in
      var configuration = configuration
      let secret = String(repeating: "s", count: 32)
      try Data((secret + "\n").utf8).write(to: URL(fileURLWithPath: "\(folder)/secret"))
      configuration.admission.keys = [KeyConfiguration(id: "a", secretFile: "\(folder)/secret")]
      let store = KeyStore(configuration, environment: [:])
      let key = try store.signingKey(id: nil)
      #expect(key.secret.map { String(decoding: $0, as: UTF8.self) } == secret)
      let token = try TokenIssuer(key: key, configuration)
        .connectionToken(user: "alice", lifetime: .seconds(60), now: Date())
      #expect(try store.authenticator().authenticate(token, now: Date()).user == "alice")
    }
  }

  @Test("a public key checks what its private half signed, and does not sign")
  func publicKey() throws {
    try withFolder { configuration, folder in
      var configuration = configuration
      let pair = try SigningKey.generate(.es256)
      let pem = try #require(pair.publicKeyPEM)
      try Data(pem.utf8).write(to: URL(fileURLWithPath: "\(folder)/key.pem"))
      configuration.admission.keys = [
        KeyConfiguration(algorithm: .es256, pemFile: "\(folder)/key.pem")
      ]
      let store = KeyStore(configuration, environment: [:])
      let token = try TokenIssuer(key: pair, configuration)
        .connectionToken(user: "alice", lifetime: .seconds(60), now: Date())
      #expect(try store.authenticator().authenticate(token, now: Date()).user == "alice")
      #expect(throws: CommandFailure.self) { try store.signingKey(id: nil) }
    }
  }

  @Test("every key that cannot be used is told at once")
  func faults() throws {
    try withFolder { configuration, folder in
      var configuration = configuration
      configuration.admission.keys = [
        KeyConfiguration(secret: "short"), KeyConfiguration(secretFile: "\(folder)/none"),
      ]
      configuration.admission.jwksFile = "\(folder)/nothing"
      let error = #expect(throws: ConfigurationFaults.self) {
        try KeyStore(configuration, environment: [:]).configuredKeys()
      }
      #expect(
        error?.faults.map(\.key) == [
          "admission.keys[0]", "admission.keys[1].secret_file", "admission.jwks_file",
        ])
      #expect(!"\(error!)".contains("short\""))
    }
  }
}

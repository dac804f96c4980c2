import Foundation
import Gateway

/// The keys that tokens are checked and made with: the operator's, or the development key.
struct KeyStore {
  private let configuration: Configuration
  private let state: StateFolder

  init(_ configuration: Configuration, environment: [String: String]) {
    self.configuration = configuration
    state = StateFolder(configuration, environment: environment)
  }

  /// What `fanfare serve` checks tokens with: the configured keys, and those that were `fetched`. Without any configured
  /// key: the development key, made and kept if it is not there yet; or none, if they `mayLackKeys` because theirs
  /// could not be fetched.
  func authenticator(
    with fetched: [VerificationKey] = [], mayLackKeys: Bool = false
  ) throws -> Authenticator {
    var keys = try configuredKeys() + fetched
    if keys.isEmpty, !mayLackKeys { keys = [try developmentKey().verificationKey()] }
    let admission = configuration.admission
    do {
      return try Authenticator(
        keys: keys,
        policy: TokenPolicy(
          issuer: admission.issuer.isEmpty ? nil : admission.issuer,
          audiences: admission.audience, leeway: admission.leeway,
          defaultPermissions: Permissions(admission.defaultScopes)), mayLackKeys: mayLackKeys)
    } catch {
      throw fault("admission.keys", "\(error)")
    }
  }

  /// The keys of `[[admission.keys]]` and `admission.jwks_file`, read; empty where there are none.
  ///
  /// Throws ``ConfigurationFaults`` with every key that cannot be used.
  func configuredKeys() throws(ConfigurationFaults) -> [VerificationKey] {
    var keys: [VerificationKey] = []
    var faults: [ConfigurationFault] = []
    for (index, entry) in configuration.admission.keys.enumerated() {
      do throws(ConfigurationFaults) {
        keys.append(try verificationKey(entry, at: "admission.keys[\(index)]"))
      } catch { faults += error.faults }
    }
    let path = configuration.admission.jwksFile
    if !path.isEmpty {
      do throws(ConfigurationFaults) {
        keys += try keySet(path)
      } catch { faults += error.faults }
    }
    guard faults.isEmpty else { throw ConfigurationFaults(faults: faults) }
    return keys
  }

  private func keySet(_ path: String) throws(ConfigurationFaults) -> [VerificationKey] {
    let bytes = try read(path, for: "admission.jwks_file")
    do {
      return try JSONWebKeySet(json: bytes).keys
    } catch {
      throw fault("admission.jwks_file", "\(error)")
    }
  }

  private func verificationKey(
    _ entry: KeyConfiguration, at key: String
  ) throws(ConfigurationFaults) -> VerificationKey {
    let id = entry.id.isEmpty ? nil : entry.id
    if entry.pemFile.isEmpty {
      let secret = try secret(of: entry, at: key)
      do {
        return try VerificationKey(secret: secret, algorithm: entry.algorithm, id: id)
      } catch {
        throw fault(key, "\(error)")
      }
    }
    let text = String(decoding: try read(entry.pemFile, for: "\(key).pem_file"), as: UTF8.self)
    do {
      return try VerificationKey(publicKeyPEM: text, algorithm: entry.algorithm, id: id)
    } catch {
      throw fault("\(key).pem_file", "\(error)")
    }
  }

  /// What `fanfare token` signs with: the configured secret named `id`, or the first; without any, the
  /// development key. Public keys cannot sign: with those alone it throws.
  func signingKey(id: String?) throws -> SigningKey {
    guard configuration.admission.hasKeys else {
      guard configuration.isDevelopment else {
        throw CommandFailure(description: "there is no key to sign with: see [[admission.keys]]")
      }
      return try developmentKey()
    }
    let entries = configuration.admission.keys
    guard let index = entries.firstIndex(where: { id == nil ? $0.pemFile.isEmpty : $0.id == id }),
      entries[index].pemFile.isEmpty
    else {
      let name = id.map { "the key \"\($0)\"" } ?? "a configured key"
      throw CommandFailure(
        description: "\(name) cannot sign: it takes a secret, or --private-key with --algorithm")
    }
    let entry = entries[index]
    return try SigningKey(
      secret: try secret(of: entry, at: "admission.keys[\(index)]"), algorithm: entry.algorithm,
      id: entry.id.isEmpty ? nil : entry.id)
  }

  /// The development key, made at first use and kept for its owner's eyes only, so that tokens stay
  /// valid when the gateway is started again.
  func developmentKey() throws -> SigningKey {
    try state.create()
    return try developmentKey(SecretFile(path: state.developmentKey).secret())
  }

  /// The development key if there is one; nil where there is none yet.
  func existingDevelopmentKey() throws -> SigningKey? {
    try SecretFile(path: state.developmentKey).existing.map(developmentKey)
  }

  private func developmentKey(_ secret: [UInt8]) throws -> SigningKey {
    do {
      return try SigningKey(secret: secret, algorithm: .hs256, id: Self.developmentKeyID)
    } catch {
      throw CommandFailure(
        description: "\(state.developmentKey) holds no development key: \(error) Remove it, and a "
          + "new one is made.", status: .failed)
    }
  }

  private static let developmentKeyID = "development"

  private func secret(
    of entry: KeyConfiguration, at key: String
  ) throws(ConfigurationFaults) -> [UInt8] {
    if !entry.secret.isEmpty { return Array(entry.secret.utf8) }
    var bytes = try read(entry.secretFile, for: "\(key).secret_file")
    // An editor's last line break is not part of the secret.
    while bytes.last == 10 || bytes.last == 13 { bytes.removeLast() }
    return bytes
  }

  private func read(_ path: String, for key: String) throws(ConfigurationFaults) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationFaults(faults: [
        ConfigurationFault(key: key, found: "no readable file at \(path)", wanted: "a key file")
      ])
    }
    return Array(data)
  }

  private func fault(_ key: String, _ reason: String) -> ConfigurationFaults {
    ConfigurationFaults(faults: [
      ConfigurationFault(
        key: key, found: "an unfit key (\(reason))", wanted: "a key that can be used")
    ])
  }
}

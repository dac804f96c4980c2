import Foundation
import Testing

@testable import Gateway

/// Project Wycheproof's vectors for JWS and JWK: `Vectors/wycheproof/README.md` says which.
@Suite("Wycheproof") struct WycheproofTests {
  @Test(
    "signatures are accepted and refused as they should", arguments: try WycheproofCase.load("json_web_signature_test"))
  func signatures(_ vector: WycheproofCase) throws {
    #expect(vector.isAccepted == vector.isValid)
    // What is refused is the signature, and not the key, except where the vector is about the key's use.
    #expect(vector.hasUsableKeys == !(353...356 ~= vector.id))
  }

  @Test("keys are accepted and refused as they should", arguments: try WycheproofCase.load("json_web_key_test"))
  func keys(_ vector: WycheproofCase) throws {
    #expect(vector.isAccepted == vector.isValid)
  }

  @Test("libraries' past mistakes are not made", arguments: try WycheproofCase.load("json_web_crypto_test"))
  func crypto(_ vector: WycheproofCase) throws {
    #expect(vector.isAccepted == vector.isValid)
  }

  @Test("every vector is run or left out for a reason that is written down")
  func completeness() throws {
    let all = try ["json_web_signature_test", "json_web_key_test", "json_web_crypto_test"].map(WycheproofCase.loadAll)
    let left = try ["json_web_signature_test", "json_web_key_test", "json_web_crypto_test"].map(WycheproofCase.load)
    #expect(all.map(\.count) == [401, 26, 83])
    #expect(left.map(\.count) == [397, 26, 49])
  }

  @Test(
    "a vector whose key names the wrong algorithm is refused as it stands",
    arguments: WycheproofCase.misnamed.keys.sorted())
  func misnamedAlgorithm(_ id: Int) throws {
    let vector = try #require(try WycheproofCase.loadAll("json_web_signature_test").first { $0.id == id })
    #expect(!vector.asPublished.isAccepted)
    #expect(vector.isAccepted)
  }
}

/// One vector: a token, the key set to check it with, and whether it is good.
struct WycheproofCase: Sendable, CustomTestStringConvertible {
  let id: Int
  let comment: String
  let token: String
  let isValid: Bool
  private var keys: [StrictJSON]
  private let publishedKeys: [StrictJSON]

  var testDescription: String { "\(id) \(comment)" }

  /// Vectors of the signature file that are left out.
  private static let excluded: [Int: String] = [
    367: "invalidBase64Padding: byte for byte the valid vector 357",
    370: "invalidBase64PaddingInPayload: byte for byte the valid vector 357",
    372: "valid with '?' in the header: RFC 7515 §2 knows no such character, and a token has one spelling",
    373: "valid with '?' in the payload: the same",
  ]

  /// RFC 7520's vectors whose key bears an `alg` that is not the token's. One key, one algorithm: they
  /// are run with the `alg` corrected.
  static let misnamed: [Int: String] = [
    346: "PS384", 350: "PS384",  // key: PS256
    347: "ES512", 351: "ES512",  // key: ES521, which does not exist
  ]

  var asPublished: WycheproofCase {
    var copy = self
    copy.keys = publishedKeys
    return copy
  }

  /// Whether our keys can be made of theirs.
  var hasUsableKeys: Bool { (try? keyRing()) != nil }

  private func keyRing() throws(KeyError) -> KeyRing {
    try KeyRing(JSONWebKeySet(json: StrictJSON.object(["keys": .array(keys)]).serialized.utf8).keys)
  }

  /// Whether our keys can be made of theirs, and accept the token.
  var isAccepted: Bool {
    do {
      try keyRing().verify(JSONWebToken(parsing: token))
      return true
    } catch {
      return false
    }
  }

  /// The file's vectors that are about signatures, without those left out.
  static func load(_ file: String) throws -> [WycheproofCase] {
    try loadAll(file).filter { vector in
      // JWE, tested by the third file as well, is none of our business: a token is signed, not sealed.
      !vector.token.isEmpty && (file != "json_web_signature_test" || excluded[vector.id] == nil)
        || vector.comment == "rejectsEmptyString"
    }
  }

  static func loadAll(_ file: String) throws -> [WycheproofCase] {
    let url = try #require(
      Bundle.module.url(forResource: file, withExtension: "json", subdirectory: "Vectors/wycheproof"))
    let document = try StrictJSON(parsing: Array(Data(contentsOf: url)))
    let groups = try #require(document.object?["testGroups"]?.array)
    return try groups.flatMap { group in
      let group = try #require(group.object)
      let holder = try #require((group["public"] ?? group["private"])?.object)
      let keys = holder["keys"]?.array ?? [.object(holder)]
      return try #require(group["tests"]?.array).map { test in
        try WycheproofCase(try #require(test.object), keys: keys)
      }
    }
  }

  private init(_ test: [String: StrictJSON], keys: [StrictJSON]) throws {
    let id = Int(try #require(test["tcId"]?.number))
    self.id = id
    comment = try #require(test["comment"]?.string)
    isValid = test["result"] == .string("valid")
    token = test["jws"].map { $0.string ?? $0.serialized } ?? ""
    publishedKeys = keys
    self.keys = keys.map { key in
      // Only the signature file has so many vectors.
      guard let name = Self.misnamed[id], var members = key.object else { return key }
      members["alg"] = .string(name)
      return .object(members)
    }
  }
}

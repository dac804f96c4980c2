import FoundationEssentials

@testable import Gateway

/// Keys, moments and tokens that the tests of admission share.
enum SampleTokens {
  static let now = Date(timeIntervalSince1970: 1_800_000_000)
  static let secret = Array("a secret of exactly 32 bytes, ok".utf8)

  /// One key of each algorithm, made once: RSA takes its time.
  static let keys: [TokenAlgorithm: SigningKey] = {
    var keys: [TokenAlgorithm: SigningKey] = [:]
    for algorithm in TokenAlgorithm.allCases {
      keys[algorithm] = try! SigningKey.generate(algorithm)
    }
    return keys
  }()

  static func key(_ algorithm: TokenAlgorithm) -> SigningKey { keys[algorithm]! }

  /// The HS256 key of `secret`.
  static let signer = try! SigningKey(secret: secret, algorithm: .hs256)

  /// Claims as JSON, signed with the HS256 key.
  static func token(_ claims: String, header: String = #"{"alg":"HS256"}"#) -> String {
    TokenIssuer.sign(header: header, payload: claims, with: signer)
  }

  /// A good token of "ada", with further members of the claims, written with a leading comma.
  static func goodToken(adding members: String = "") -> String {
    token(#"{"sub":"ada","exp":1800000600\#(members)}"#)
  }

  /// Takes what `signer` signs.
  static func authenticator(_ policy: TokenPolicy = TokenPolicy()) throws -> Authenticator {
    try Authenticator(keys: [signer.verificationKey()], policy: policy)
  }

  /// Who the HS256 authenticator takes the token for.
  static func identity(
    _ token: String, policy: TokenPolicy = TokenPolicy(), now: Date = now
  ) throws -> Identity {
    try authenticator(policy).authenticate(token, now: now)
  }
}

extension Date {
  static func - (date: Date, seconds: Int) -> Date { date.addingTimeInterval(-Double(seconds)) }
  static func + (date: Date, seconds: Int) -> Date { date.addingTimeInterval(Double(seconds)) }
}

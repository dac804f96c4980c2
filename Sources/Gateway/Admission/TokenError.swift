/// Why a token was refused.
///
/// Neither the case nor its text holds anything of the token, so that both can be logged and shown.
package enum TokenError: Error, Sendable, Hashable {
  /// Longer than a token may be; the limit in bytes.
  case tooLong(limit: Int)
  /// Not a JWS in compact form.
  case malformed(Malformation)
  /// `typ` names something that is no JWT (RFC 8725 §3.11).
  case wrongType
  /// `crit` asks for an extension; we know none (RFC 7515 §4.1.11).
  case unsupportedExtension
  /// No key here takes the token's `alg`, or the key named by `kid` takes another.
  case algorithmNotAllowed
  /// `kid` names no key here.
  case unknownKey
  /// The signature is not by our key, or not over these bytes.
  case badSignature
  /// `exp` has passed. The only refusal that a fresh token cures without anyone's help.
  case expired
  /// `nbf` or `iat` lies in the future.
  case notYetValid
  /// `iss` is not the configured issuer.
  case wrongIssuer
  /// `aud` names none of the configured audiences.
  case wrongAudience
  /// A claim that must be there is not.
  case missingClaim(TokenClaim)
  /// A claim is there and cannot be what it says.
  case invalidClaim(TokenClaim)
  /// A subscription token where a connection token is wanted.
  case notForConnecting
  /// A subscription token for another channel.
  case wrongChannel
  /// A subscription token of another user.
  case wrongUser
  /// A subscription token bound to another connection.
  case wrongClient
  /// It was good, and was declared void.
  case revoked
  /// It cannot be judged at present: the list of revocations was not read yet, or the key it names could not be asked
  /// for.
  case unavailable

  /// What is wrong with the form of a token.
  package enum Malformation: Sendable, Hashable {
    /// Not three parts separated by dots.
    case segments
    /// A part that is not base64url without padding (RFC 7515 §2).
    case base64
    /// A header that is no JSON object.
    case headerNotJSON
    /// A field of the header that is of the wrong type, or no `alg`.
    case headerField
    /// Claims that are no JSON object.
    case claimsNotJSON
    /// A name that occurs twice in one object (RFC 7515 §4, RFC 7519 §4).
    case repeatedMember
  }
}

extension TokenError {
  /// Whether the token may be good by a key that is not here yet. One of another algorithm than all that are here is as
  /// unknown as one of another name.
  package var mayBeMendedByKeys: Bool { self == .unknownKey || self == .algorithmNotAllowed }
}

extension TokenError: CustomStringConvertible {
  /// One sentence for whoever holds the token.
  package var description: String {
    switch self {
    case .tooLong(let limit): "The token is longer than \(limit) bytes."
    case .malformed(.segments): "The token is not three parts separated by dots."
    case .malformed(.base64): "A part of the token is not base64url without padding."
    case .malformed(.headerNotJSON): "The token's header is not a JSON object."
    case .malformed(.headerField): "A field of the token's header has the wrong type."
    case .malformed(.claimsNotJSON): "The token's claims are not a JSON object."
    case .malformed(.repeatedMember): "A name occurs twice in the token's header or claims."
    case .wrongType: "The token's type is not JWT."
    case .unsupportedExtension: "The token requires an extension that is not supported."
    case .algorithmNotAllowed: "The token's algorithm is not accepted here."
    case .unknownKey: "The token is signed with a key that is not known here."
    case .badSignature: "The token's signature is not valid."
    case .expired: "The token has expired."
    case .notYetValid: "The token is not valid yet."
    case .wrongIssuer: "The token comes from another issuer."
    case .wrongAudience: "The token is meant for another audience."
    case .missingClaim(let claim): "The token lacks the claim \"\(claim.rawValue)\"."
    case .invalidClaim(let claim): "The token's claim \"\(claim.rawValue)\" has no valid value."
    case .notForConnecting: "The token is for a subscription, not for a connection."
    case .wrongChannel: "The token is for another channel."
    case .wrongUser: "The token is for another user."
    case .wrongClient: "The token is for another connection."
    case .revoked: "The token was revoked."
    case .unavailable: "The token cannot be judged at present."
    }
  }
}

import FoundationEssentials
import Jobs
// `_nfc` is the only normalization that needs neither ICU nor all of Foundation.
@_spi(_Unicode) import Swift

/// The claims of a token whose signature was found good, read by name and form (RFC 7519 §4).
struct TokenClaims: Sendable {
  private let values: JSONValue

  /// Bytes of the longest user, token id, channel or client.
  static let longestName = 255
  /// Channels that one token may name.
  static let mostChannels = 128
  /// The end of the year 9999, in seconds. Times in milliseconds, a common slip, lie behind it.
  static let latestTime = 253_402_300_799.0

  /// Reads the payload; throws `malformed`.
  init(parsing payload: [UInt8]) throws(TokenError) {
    do {
      values = try StrictJSON.object(parsing: payload)
    } catch {
      throw .malformed(error == .repeatedName ? .repeatedMember : .claimsNotJSON)
    }
  }

  /// Whether the claim is there, whatever it says.
  func holds(_ claim: TokenClaim) -> Bool { values[claim.rawValue] != nil }

  /// A NumericDate, fractions allowed (RFC 7519 §2); nil if absent.
  func date(_ claim: TokenClaim) throws(TokenError) -> Date? {
    guard let value = values[claim.rawValue] else { return nil }
    guard let seconds = value.double, 0...Self.latestTime ~= seconds else { throw .invalidClaim(claim) }
    return Date(timeIntervalSince1970: seconds)
  }

  /// A string, whatever is in it; nil if absent.
  func text(_ claim: TokenClaim) throws(TokenError) -> String? {
    guard let value = values[claim.rawValue] else { return nil }
    guard let text = value.string else { throw .invalidClaim(claim) }
    return text
  }

  /// A string that names something (`isName`); nil if absent.
  func name(_ claim: TokenClaim) throws(TokenError) -> String? {
    guard let name = try text(claim) else { return nil }
    guard Self.isName(name) else { throw .invalidClaim(claim) }
    return name
  }

  /// `aud`: a string or an array of strings (RFC 7519 §4.1.3); nil if absent.
  func audience() throws(TokenError) -> [String]? {
    guard let value = values[TokenClaim.audience.rawValue] else { return nil }
    if let one = value.string { return [one] }
    guard let several = value.strings else { throw .invalidClaim(.audience) }
    return several
  }

  /// `scope`, a string of words, or `scopes`, an array of them; nil if both are absent. Both together
  /// would be two answers to one question.
  func permissions() throws(TokenError) -> Permissions? {
    if holds(.scopes) {
      guard !holds(.scope), let words = values[TokenClaim.scopes.rawValue]?.strings else {
        throw .invalidClaim(.scopes)
      }
      return Permissions(words: words)
    }
    return try text(.scope).map { Permissions(words: $0.split(separator: " ")) }
  }

  /// `max_priority`, a whole number from 1 to 10; nil if absent.
  func maxPriority() throws(TokenError) -> Int? {
    guard let value = values[TokenClaim.maxPriority.rawValue] else { return nil }
    guard let level = value.double.flatMap({ Int(exactly: $0) }), 1...10 ~= level else {
      throw .invalidClaim(.maxPriority)
    }
    return level
  }

  /// The names in `subs`, in byte order, else `channels` as listed.
  func channels() throws(TokenError) -> [String] {
    let claim: TokenClaim = holds(.subscriptions) ? .subscriptions : .channels
    guard let value = values[claim.rawValue] else { return [] }
    guard let names = value.object.map({ $0.map(\.name).sorted() }) ?? value.strings,
      (claim == .subscriptions) == (value.object != nil),
      names.count <= Self.mostChannels, names.allSatisfy(Self.isName)
    else { throw .invalidClaim(claim) }
    return names
  }

  /// Whether a string can name a user, a channel, a token: 1 to 255 bytes, no control character or line
  /// break, and in composed form. The last because Swift holds "é" and "e" + accent for equal while Redis
  /// and issuers do not: without it, one could be taken for the other.
  static func isName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard 1...longestName ~= bytes.count else { return false }
    if bytes.allSatisfy({ 0x20..<0x7F ~= $0 }) { return true }
    return text.unicodeScalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: false
      default: true
      }
    } && text.unicodeScalars.elementsEqual(text._nfc)
  }
}

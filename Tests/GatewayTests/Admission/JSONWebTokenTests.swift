import Testing

@testable import Gateway

@Suite("A token, taken apart") struct JSONWebTokenTests {
  private static let payload = Base64URL.encode("{}".utf8)

  private func parse(header: String) throws(TokenError) -> JSONWebToken {
    try JSONWebToken(parsing: Base64URL.encode(header.utf8) + "." + Self.payload + ".c2ln")
  }

  @Test("tells its algorithm, its key's id and its payload")
  func parts() throws {
    let token = try parse(header: #"{"alg":"ES256","kid":"one","typ":"JWT"}"#)
    #expect(token.algorithm == .es256)
    #expect(token.keyID == "one")
    #expect(token.payload == Array("{}".utf8))
  }

  @Test(
    "has three parts, no fewer and no more",
    arguments: [
      "", ".", "a", "e30.e30", "e30.e30.c2ln.", "e30.e30.c2ln.c2ln", "e30.e30.c2ln.c2ln.c2ln", "....",
    ])
  func segments(_ text: String) {
    #expect(throws: TokenError.malformed(.segments)) { try JSONWebToken(parsing: text) }
  }

  @Test(
    "is base64url in each part",
    arguments: [
      "e30=.e30.c2ln", "e30.e30=.c2ln", "e30.e30.c2ln=", "e3 0.e30.c2ln", "e30.e30.c2ln\n", " e30.e30.c2ln",
      "e30.e30.c2lé",
      "e31.e30.c2ln", "e30.e31.c2ln", "e30.e30.c2lnYg==", "e30.e30.c2lnYh",
    ])
  func base64(_ text: String) {
    #expect(throws: TokenError.malformed(.base64)) { try JSONWebToken(parsing: text) }
  }

  @Test(
    "has a JSON object for a header", arguments: ["", "[]", "\"HS256\"", "{", "{}{}", "null", #"{"alg":"HS256"},"#])
  func headerJSON(_ header: String) {
    #expect(throws: TokenError.malformed(.headerNotJSON)) { try parse(header: header) }
  }

  @Test(
    "says each thing once",
    arguments: [
      #"{"alg":"HS256","alg":"HS256"}"#, #"{"alg":"none","\u0061lg":"HS256"}"#, #"{"alg":"HS256","kid":"a","kid":"b"}"#,
      #"{"alg":"HS256","x":{"y":1,"y":2}}"#,
    ])
  func repeatedMembers(_ header: String) {
    #expect(throws: TokenError.malformed(.repeatedMember)) { try parse(header: header) }
  }

  @Test(
    "has fields of the right type",
    arguments: [
      #"{}"#, #"{"alg":null}"#, #"{"alg":256}"#, #"{"alg":["HS256"]}"#, #"{"alg":"HS256","kid":1}"#,
      #"{"alg":"HS256","kid":null}"#,
      #"{"alg":"HS256","typ":1}"#, #"{"alg":"HS256","typ":["JWT"]}"#,
    ])
  func headerFields(_ header: String) {
    #expect(throws: TokenError.malformed(.headerField)) { try parse(header: header) }
  }

  @Test(
    "never has an algorithm without a key, or one spelled otherwise",
    arguments: [
      "none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", " HS256", "HS1", "RSA1_5", "A256KW", "dir", "ES256K",
      "ES521",
      "EDDSA", "HS256\\u0000",
    ])
  func unknownAlgorithm(_ name: String) {
    #expect(throws: TokenError.algorithmNotAllowed) { try parse(header: #"{"alg":"\#(name)"}"#) }
  }

  @Test(
    "is a JWT, if it says what it is",
    arguments: [
      "JWT", "jwt", "Jwt", "at+jwt", "AT+JWT", "application/jwt", "application/at+jwt", "Application/AT+JWT",
    ])
  func type(_ type: String) throws { _ = try parse(header: #"{"alg":"HS256","typ":"\#(type)"}"#) }

  @Test(
    "is refused as anything but a JWT",
    arguments: [
      "", "JOSE", "JWE", "logout+jwt", "dpop+jwt", "secevent+jwt", "application/json", "text/jwt", "at+jwt ", "JWT;v=1",
    ])
  func wrongType(_ type: String) {
    #expect(throws: TokenError.wrongType) { try parse(header: #"{"alg":"HS256","typ":"\#(type)"}"#) }
  }

  @Test(
    "is refused with any crit, also an empty or a misshapen one",
    arguments: ["[]", #"["exp"]"#, #"["b64"]"#, "null", "1"])
  func critical(_ value: String) {
    #expect(throws: TokenError.unsupportedExtension) { try parse(header: #"{"alg":"HS256","crit":\#(value)}"#) }
  }

  @Test("may be 8192 bytes long and not one more")
  func length() throws {
    let head = Base64URL.encode(#"{"alg":"HS256"}"#.utf8) + "." + Self.payload + "."
    let longest = head + String(repeating: "A", count: (8192 - head.utf8.count) / 4 * 4)
    #expect(longest.utf8.count > 8188)
    _ = try JSONWebToken(parsing: longest)
    #expect(throws: TokenError.tooLong(limit: 8192)) { try JSONWebToken(parsing: longest + "AAAA") }
    #expect(throws: TokenError.tooLong(limit: 8192)) {
      try JSONWebToken(parsing: String(repeating: ".", count: 1 << 20))
    }
  }

  @Test("may be a part of a longer text, without a copy first")
  func substring() throws {
    let line = "Bearer " + RFCExampleTests.hs256
    #expect(try JSONWebToken(parsing: line.dropFirst(7)).algorithm == .hs256)
  }
}

import Testing

@testable import Gateway

/// The examples that RFCs print. RFC 7520's are among Wycheproof's.
@Suite("The RFCs' examples") struct RFCExampleTests {
  /// The payload of RFC 7515 A.1 to A.3.
  private static let payload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

  static let hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\(payload).dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
  static let hs256Key =
    #"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#

  static let rs256 =
    "eyJhbGciOiJSUzI1NiJ9.\(payload)."
    + "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
    + "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
    + "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ"
    + "Ge77Rw"
  static let rs256Key =
    #"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"#
    + "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e"
    + "-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2et"
    + #"hFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#

  static let es256 =
    "eyJhbGciOiJFUzI1NiJ9.\(payload).DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
  static let es256Key = """
    {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
     "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
    """

  static let es512 =
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
    + "7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
  static let es512Key = """
    {"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
     "y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}
    """

  static let edDSA =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    + "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
  static let edDSAKey = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#

  @Test(
    "verify: RFC 7515 A.1 to A.4, RFC 8037 A.5",
    arguments: [
      (hs256, hs256Key, TokenAlgorithm.hs256), (rs256, rs256Key, .rs256), (es256, es256Key, .es256),
      (es512, es512Key, .es512), (edDSA, edDSAKey, .edDSA),
    ])
  func verification(_ text: String, _ jwk: String, _ algorithm: TokenAlgorithm) throws {
    let key = try JSONWebKey(json: jwk.utf8, algorithm: algorithm).verificationKey()
    let token = try JSONWebToken(parsing: text)
    #expect(token.algorithm == algorithm)
    #expect(token.isSigned(by: key))
    // One changed character of the payload.
    let parts = text.split(separator: ".").map(String.init)
    let changed = "\(parts[0]).\(parts[1].hasPrefix("e") ? "f" : "e")\(parts[1].dropFirst()).\(parts[2])"
    #expect(!(try JSONWebToken(parsing: changed)).isSigned(by: key))
  }

  @Test("are signed to the same bytes where the algorithm leaves no choice")
  func signing() throws {
    let payload = try JSONWebToken(parsing: Self.rs256).payload
    let rsa = try SigningKey(privateKeyPEM: PEMSamples.rsaPrivate, algorithm: .rs256)
    #expect(
      TokenIssuer.sign(header: #"{"alg":"RS256"}"#, payload: String(decoding: payload, as: UTF8.self), with: rsa)
        == Self.rs256)
    let edwards = try SigningKey(privateKeyPEM: PEMSamples.edPrivate, algorithm: .edDSA)
    #expect(
      TokenIssuer.sign(header: #"{"alg":"EdDSA"}"#, payload: "Example of Ed25519 signing", with: edwards) == Self.edDSA)
  }

  @Test("carry claims: RFC 7519 §3.1's token is understood, and has long expired")
  func claims() throws {
    let key = try JSONWebKey(json: Self.hs256Key.utf8, algorithm: .hs256).verificationKey()
    let authenticator = try Authenticator(keys: [key], policy: TokenPolicy(issuer: "joe"))
    #expect(throws: TokenError.expired) { try authenticator.authenticate(Self.hs256, now: SampleTokens.now) }
  }

  @Test("are refused where they are unsecured: RFC 7515 A.5")
  func unsecured() {
    #expect(throws: TokenError.algorithmNotAllowed) {
      try JSONWebToken(parsing: "eyJhbGciOiJub25lIn0.\(Self.payload).")
    }
  }

  @Test("are refused where they need an extension: RFC 7515 appendix E")
  func criticalExtension() {
    let text =
      "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRF"
      + "RklORUQiOnRydWUNCn0.RkFJTA."
    #expect(throws: TokenError.unsupportedExtension) { try JSONWebToken(parsing: text) }
  }
}

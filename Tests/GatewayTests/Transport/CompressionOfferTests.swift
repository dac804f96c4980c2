import Testing

@testable import Gateway

@Suite("Offers of compression") struct CompressionOfferTests {
  static let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

  @Test(
    "are taken, the first that can be, in our words",
    arguments: [
      ("permessage-deflate", plain),
      ("permessage-deflate; client_max_window_bits", plain),
      ("permessage-deflate;client_max_window_bits=8", plain),
      ("permessage-deflate; server_no_context_takeover ;\tclient_no_context_takeover", plain),
      ("x-webkit-deflate-frame, permessage-deflate", plain),
      ("foo; a=1; b=\"2\", , permessage-deflate; client_max_window_bits=\"15\"", plain),
      ("permessage-deflate; server_max_window_bits=9", plain + "; server_max_window_bits=9"),
      ("permessage-deflate; server_max_window_bits=\"15\"", plain + "; server_max_window_bits=15"),
      // Those before have something that we cannot do, or that must not be.
      ("permessage-deflate; server_max_window_bits=8, permessage-deflate", plain),
      (
        "permessage-deflate; future=1, permessage-deflate; server_max_window_bits=10",
        plain + "; server_max_window_bits=10"
      ),
    ])
  func taken(_ header: String, _ answer: String) {
    #expect(CompressionAgreement(offeredIn: header)?.text == answer)
  }

  @Test(
    "are passed over where they ask for what is not to be had",
    arguments: [
      "", ",", "permessage-bzip2", "Permessage-deflate", "permessage-deflate-too",
      "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
      "permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=16",
      "permessage-deflate; server_max_window_bits=010", "permessage-deflate; server_max_window_bits=+9",
      "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=x",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; client_no_context_takeover=true",
      "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
      "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
    ])
  func passedOver(_ header: String) {
    #expect(CompressionAgreement(offeredIn: header) == nil)
  }

  @Test(
    "are none where the header is no list of extensions",
    arguments: [
      "permessage-deflate;", "permessage-deflate; =1", "permessage-deflate; a=", "permessage-deflate x",
      "permessage-deflate, (", "permessage-deflate; a=\"", "permessage-deflate; a=\"b c\"",
      "permessage-deflate; a=\"\"", "permessage-deflate;; a", "\u{E4}, permessage-deflate",
    ])
  func malformed(_ header: String) {
    #expect(ExtensionOffer.list(header) == nil)
    #expect(CompressionAgreement(offeredIn: header) == nil)
  }

  @Test("cost in proportion to their length, and hurt nobody by it")
  func long() {
    let many = String(repeating: "permessage-deflate; unknown, ", count: 500) + "permessage-deflate"
    #expect(CompressionAgreement(offeredIn: many)?.text == Self.plain)
    #expect(CompressionAgreement(offeredIn: String(repeating: "x", count: 16_000)) == nil)
  }
}

/// What a client and we agreed on about permessage-deflate (RFC 7692): every message is compressed by
/// itself, in both directions, so that nothing is remembered between two of them.
struct CompressionAgreement: Hashable {
  /// The base-two logarithm of the window that we may use, 9 to 15; nil where the client set no bound.
  var windowBits: Int?

  /// The offer in our words, as the library is given it and says it back to the client.
  var text: String {
    let bound = windowBits.map { "; server_max_window_bits=\($0)" } ?? ""
    return "permessage-deflate; server_no_context_takeover; client_no_context_takeover" + bound
  }
}

extension CompressionAgreement {
  /// The first of a client's offers that can be taken; nil where there is none. `header` is the value of
  /// Sec-WebSocket-Extensions, several of them joined.
  ///
  /// Extensions that we do not know are passed over, and so is an offer with a parameter that is unknown,
  /// written twice or has a value that it must not have (RFC 7692 §7.1). What is no list of extensions
  /// (RFC 6455 §9.1) offers nothing.
  init?(offeredIn header: String) {
    guard let offers = ExtensionOffer.list(header) else { return nil }
    for offer in offers where offer.name == "permessage-deflate" {
      guard let agreement = Self(taking: offer) else { continue }
      self = agreement
      return
    }
    return nil
  }

  private init?(taking offer: ExtensionOffer) {
    var seen: Set<String> = []
    for parameter in offer.parameters {
      let value = parameter.value
      guard seen.insert(parameter.name).inserted else { return nil }
      switch parameter.name {
      case "server_no_context_takeover", "client_no_context_takeover":
        guard value == nil else { return nil }
      case "server_max_window_bits":
        // 8 is allowed, but zlib makes no such stream without a header.
        guard let bits = value.flatMap(Self.windowBits), bits > 8 else { return nil }
        windowBits = bits
      case "client_max_window_bits":
        // What it says it could do: we read any window.
        guard value.map({ Self.windowBits($0) != nil }) ?? true else { return nil }
      default: return nil
      }
    }
  }

  /// 8 to 15, without a leading zero.
  private static func windowBits(_ text: String) -> Int? {
    guard let bits = Int(text), (8...15).contains(bits), text == "\(bits)" else { return nil }
    return bits
  }
}

/// One entry of Sec-WebSocket-Extensions (RFC 6455 §9.1).
struct ExtensionOffer: Equatable {
  struct Parameter: Equatable {
    let name: String
    let value: String?
  }

  let name: String
  let parameters: [Parameter]

  /// The entries in their order; nil where the header is malformed.
  static func list(_ header: String) -> [ExtensionOffer]? {
    var offers: [ExtensionOffer] = []
    var rest = Array(header.utf8)[...]
    while true {
      skipBlanks(&rest)
      // Lists may have empty entries (RFC 9110 §5.6.1).
      if rest.first == UInt8(ascii: ",") {
        rest.removeFirst()
        continue
      }
      guard !rest.isEmpty else { return offers }
      guard let offer = next(&rest) else { return nil }
      offers.append(offer)
      skipBlanks(&rest)
      guard rest.isEmpty || rest.removeFirst() == UInt8(ascii: ",") else { return nil }
    }
  }

  private static func next(_ rest: inout ArraySlice<UInt8>) -> ExtensionOffer? {
    guard let name = token(&rest) else { return nil }
    var parameters: [Parameter] = []
    skipBlanks(&rest)
    while rest.first == UInt8(ascii: ";") {
      rest.removeFirst()
      skipBlanks(&rest)
      guard let parameter = token(&rest) else { return nil }
      skipBlanks(&rest)
      var value: String?
      if rest.first == UInt8(ascii: "=") {
        rest.removeFirst()
        skipBlanks(&rest)
        value = quoted(&rest) ?? token(&rest)
        if value == nil { return nil }
        skipBlanks(&rest)
      }
      parameters.append(Parameter(name: parameter, value: value))
    }
    return ExtensionOffer(name: name, parameters: parameters)
  }

  private static func skipBlanks(_ rest: inout ArraySlice<UInt8>) {
    rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
  }

  private static func token(_ rest: inout ArraySlice<UInt8>) -> String? {
    let token = rest.prefix(while: RequestHead.isTokenByte)
    guard !token.isEmpty else { return nil }
    rest = rest[token.endIndex...]
    return String(decoding: token, as: UTF8.self)
  }

  /// What stands between quotes must be a token too, once unescaped: no token needs escaping.
  private static func quoted(_ rest: inout ArraySlice<UInt8>) -> String? {
    guard rest.first == UInt8(ascii: "\"") else { return nil }
    var inner = rest.dropFirst()
    guard let text = token(&inner), inner.first == UInt8(ascii: "\"") else { return nil }
    rest = inner.dropFirst()
    return text
  }
}

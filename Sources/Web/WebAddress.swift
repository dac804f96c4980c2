import Foundation

/// An address of the web that may be asked: `http` or `https`, of plain ASCII, without user and password.
package struct WebAddress: Hashable, Sendable {
  /// What a text is no address for.
  package enum Fault: Error, Hashable, Sendable {
    case isNotWeb
    case holdsCredentials
    case namesNoHost
  }

  package let text: String
  /// Without the brackets of IPv6.
  package let host: String
  package let port: Int

  package init(_ text: String) throws(Fault) {
    guard text.utf8.count <= 4096,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
      let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
      scheme == "http" || scheme == "https"
    else { throw .isNotWeb }
    guard parts.user == nil, parts.password == nil else { throw .holdsCredentials }
    // A trailing dot would make the name another one for libcurl than the one we look at.
    guard let host = parts.host, !host.isEmpty, !host.contains("%"), !host.hasSuffix(".") else {
      throw .namesNoHost
    }
    let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    // Nothing but what names of hosts and literal addresses are made of: what we read and what libcurl reads must be
    // the same.
    let isPlain = bare.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: ":"):
        true
      default: false
      }
    }
    let port = parts.port ?? (scheme == "https" ? 443 : 80)
    guard isPlain, (1...65535).contains(port) else { throw .namesNoHost }
    self.text = text
    self.host = bare
    self.port = port
  }

  /// Where an answer of this address leads to: `location` is whole, or relative to it (RFC 3986 §5).
  func leading(to location: String) throws(Fault) -> WebAddress {
    guard let base = URL(string: text), let url = URL(string: location, relativeTo: base) else { throw .isNotWeb }
    return try WebAddress(url.absoluteString)
  }
}

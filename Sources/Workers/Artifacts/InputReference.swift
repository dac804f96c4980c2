import Foundation
import Jobs

/// What a payload names as its input: `upload:upl_…` or an `http(s)://` address.
enum InputReference: Hashable, Sendable {
  case upload(UploadID)
  case address(InputAddress)

  /// Throws a fault at `pointer` for anything else.
  init(_ text: String, at pointer: String) throws(PayloadFault) {
    if text.hasPrefix("upload:") {
      guard let id = UploadID(text.dropFirst(7)) else {
        throw PayloadFault(pointer, "is no upload's name")
      }
      self = .upload(id)
    } else {
      self = .address(try InputAddress(text, at: pointer))
    }
  }
}

/// A web address that an input may be fetched from: the text, and the host and port it leads to.
struct InputAddress: Hashable, Sendable {
  let text: String
  /// Without the brackets of IPv6.
  let host: String
  let port: Int

  /// Takes `http` and `https` addresses without user and password, of plain ASCII.
  init(_ text: String, at pointer: String = "/input") throws(PayloadFault) {
    guard text.utf8.count <= 4096,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
      let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
      scheme == "http" || scheme == "https"
    else {
      throw PayloadFault(pointer, "must be upload:upl_… or an http:// or https:// address")
    }
    guard parts.user == nil, parts.password == nil else {
      throw PayloadFault(pointer, "may not hold a user or a password")
    }
    // A trailing dot would make the name another one for the fetching program than the one we check.
    guard let host = parts.host, !host.isEmpty, !host.contains("%"), !host.hasSuffix(".") else {
      throw PayloadFault(pointer, "names no host")
    }
    let bare =
      host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    // Nothing but what names of hosts and literal addresses are made of: what we check and what the
    // fetching program reads must be the same.
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
    guard isPlain, (1...65535).contains(port) else {
      throw PayloadFault(pointer, "names no host")
    }
    self.text = text
    self.host = bare
    self.port = port
  }
}

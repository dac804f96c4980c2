import Foundation

/// An IP address, and whether it leads out into the public network.
package struct NetworkAddress: Hashable, Sendable {
  /// 4 or 16 bytes.
  package let bytes: [UInt8]

  package init(bytes: [UInt8]) {
    precondition(bytes.count == 4 || bytes.count == 16, "an address has 4 or 16 bytes")
    self.bytes = bytes
  }

  /// Reads the numeric text form; nil for anything else.
  package init?(_ text: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      bytes = withUnsafeBytes(of: four) { Array($0) }
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      bytes = withUnsafeBytes(of: six) { Array($0) }
    } else {
      return nil
    }
  }

  /// Of a socket; nil where it is of another family than IP's.
  init?(_ address: UnsafePointer<sockaddr>) {
    switch Int32(address.pointee.sa_family) {
    case AF_INET:
      bytes = UnsafeRawPointer(address).withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
        withUnsafeBytes(of: pointer.pointee.sin_addr) { Array($0) }
      }
    case AF_INET6:
      bytes = UnsafeRawPointer(address).withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
        withUnsafeBytes(of: pointer.pointee.sin6_addr) { Array($0) }
      }
    default: return nil
    }
  }

  /// Reachable over the public network: not this machine, a private or link-local net, nor any other
  /// range that IANA keeps for special use; IPv4 wrapped in IPv6 is judged by what it wraps.
  package var isPublic: Bool {
    if bytes.count == 4 { return Self.isPublic(four: bytes[...]) }
    let zeros = bytes.prefix(while: { $0 == 0 }).count
    if zeros >= 12 || (zeros == 10 && bytes[10] == 0xFF && bytes[11] == 0xFF) {
      return zeros < 12 && Self.isPublic(four: bytes[12...])
    }
    // 64:ff9b::/96 (NAT64) and 2002::/16 (6to4) lead to an IPv4 address.
    if bytes.starts(with: [0x00, 0x64, 0xFF, 0x9B]) { return Self.isPublic(four: bytes[12...]) }
    if bytes.starts(with: [0x20, 0x02]) { return Self.isPublic(four: bytes[2..<6]) }
    // Only 2000::/3 is given out; 2001::/23 and 2001:db8::/32 of it are special.
    guard bytes[0] & 0xE0 == 0x20 else { return false }
    if bytes[0] == 0x20, bytes[1] == 0x01, bytes[2] < 2 { return false }
    if bytes.starts(with: [0x20, 0x01, 0x0D, 0xB8]) { return false }
    return true
  }

  private static func isPublic(four slice: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(slice)
    return switch (bytes[0], bytes[1]) {
    case (0, _), (10, _), (127, _), (224..., _): false
    case (100, 64..<128), (169, 254), (172, 16..<32), (192, 168), (198, 18...19): false
    case (192, 0): bytes[2] != 0 && bytes[2] != 2
    case (192, 88): bytes[2] != 99
    case (198, 51): bytes[2] != 100
    case (203, 0): bytes[2] != 113
    default: true
    }
  }
}

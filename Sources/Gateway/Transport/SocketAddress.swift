import CWebSockets
import Foundation

/// Where a socket listens or whom it talks to.
enum SocketAddress: Equatable {
  case v4(in_addr_t, port: UInt16)
  case v6(String, port: UInt16)
  case unix(path: String)

  static func == (left: SocketAddress, right: SocketAddress) -> Bool {
    left.host == right.host && left.port == right.port
  }

  /// An address written as digits (`127.0.0.1`, `::1`, `[::1]`), `localhost`, or `unix:` and a
  /// path. Names are not looked up: what is listened on is to be said, not found out.
  init?(host: String, port: Int) {
    if host.hasPrefix("unix:") {
      let path = String(host.dropFirst(5))
      guard !path.isEmpty, path.utf8.count < Self.unixPathSize else { return nil }
      self = .unix(path: path)
      return
    }
    guard let port = UInt16(exactly: port) else { return nil }
    var name = host == "localhost" ? "127.0.0.1" : host
    if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
    var v4 = in_addr()
    var v6 = in6_addr()
    if inet_pton(AF_INET, name, &v4) == 1 {
      self = .v4(v4.s_addr, port: port)
    } else if inet_pton(AF_INET6, name, &v6) == 1 {
      self = .v6(name, port: port)
    } else {
      return nil
    }
  }

  private static let unixPathSize = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

  /// The address without its port: `127.0.0.1`, `::1`, or `unix`. An IPv4 address inside an IPv6 one
  /// is written as what it is.
  var host: String {
    switch self {
    case .v4(let address, _):
      let numbers = UInt32(bigEndian: address)
      return "\(numbers >> 24).\(numbers >> 16 & 255).\(numbers >> 8 & 255).\(numbers & 255)"
    case .v6(let text, _):
      return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    case .unix: return "unix"
    }
  }

  var port: Int {
    switch self {
    case .v4(_, let port), .v6(_, let port): Int(port)
    case .unix: 0
    }
  }

  var isLoopback: Bool {
    switch self {
    case .v4(let address, _): UInt32(bigEndian: address) >> 24 == 127
    case .v6: host == "::1" || host.hasPrefix("127.")
    case .unix: true
    }
  }

  var family: Int32 {
    switch self {
    case .v4: AF_INET
    case .v6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// The address as the kernel wants it.
  func withKernelAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
  ) rethrows -> Result {
    var storage = sockaddr_storage()
    let length: Int
    switch self {
    case .v4(let address, let port):
      length = MemoryLayout<sockaddr_in>.size
      var kernel = sockaddr_in()
      kernel.sin_family = sa_family_t(AF_INET)
      kernel.sin_port = port.bigEndian
      kernel.sin_addr.s_addr = address
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: kernel, as: sockaddr_in.self) }
    case .v6(let text, let port):
      length = MemoryLayout<sockaddr_in6>.size
      var kernel = sockaddr_in6()
      kernel.sin6_family = sa_family_t(AF_INET6)
      kernel.sin6_port = port.bigEndian
      inet_pton(AF_INET6, text, &kernel.sin6_addr)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: kernel, as: sockaddr_in6.self) }
    case .unix(let path):
      length = MemoryLayout<sockaddr_un>.size
      var kernel = sockaddr_un()
      kernel.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &kernel.sun_path) { $0.copyBytes(from: path.utf8) }
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: kernel, as: sockaddr_un.self) }
    }
    return try withUnsafePointer(to: storage) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(length))
      }
    }
  }

  /// Reads what the kernel wrote.
  init(_ storage: sockaddr_storage) {
    switch Int32(storage.ss_family) {
    case AF_INET:
      let kernel = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self) }
      self = .v4(kernel.sin_addr.s_addr, port: UInt16(bigEndian: kernel.sin_port))
    case AF_INET6:
      var kernel = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in6.self) }
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      inet_ntop(AF_INET6, &kernel.sin6_addr, &text, socklen_t(text.count))
      self = .v6(Self.string(text), port: UInt16(bigEndian: kernel.sin6_port))
    default: self = .unix(path: "")
    }
  }

  private static func string(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

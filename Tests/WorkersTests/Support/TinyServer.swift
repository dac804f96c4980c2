import Foundation

/// An HTTP server for one test: answers each request by its path, on a free loopback port.
final class TinyServer: Sendable {
  let port: Int
  private let descriptor: Int32

  /// `answer` gets the path and gives the whole answer, head and body.
  init(_ answer: @escaping @Sendable (String) -> String) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(descriptor, pointer, length) == 0 && listen(descriptor, 16) == 0
          && getsockname(descriptor, pointer, &length) == 0
      }
    }
    precondition(bound, "a test's server cannot listen")
    self.descriptor = descriptor
    port = Int(UInt16(bigEndian: address.sin_port))
    let thread = Thread {
      while true {
        let client = accept(descriptor, nil, nil)
        if client < 0 { return }
        Self.serve(client, answer)
      }
    }
    thread.start()
  }

  private static func serve(_ client: Int32, _ answer: (String) -> String) {
    defer { Foundation.close(client) }
    var request: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while request.suffix(4) != [13, 10, 13, 10] {
      let count = read(client, &buffer, buffer.count)
      if count <= 0 { return }
      request += buffer[..<count]
    }
    let words = String(decoding: request, as: UTF8.self).split(separator: " ")
    guard words.count > 1 else { return }
    let bytes = Array(answer(String(words[1])).utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(client, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      done += count
    }
  }

  func close() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    Foundation.close(descriptor)
  }
}

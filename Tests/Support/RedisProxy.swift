import Foundation
package import Redis
import Synchronization

/// Stands between a broker and its Redis, and does to subscriber connections what networks do.
package final class RedisProxy: Sendable {
  fileprivate final class Line: Sendable {
    let client: Int32
    let server: Int32
    let isSubscriber = Atomic(false)
    let isDeaf = Atomic(false)

    init(client: Int32, server: Int32) {
      self.client = client
      self.server = server
    }

    func end() {
      shutdown(client, Int32(SHUT_RDWR))
      shutdown(server, Int32(SHUT_RDWR))
    }
  }

  private let lines = Mutex<[Line]>([])
  private let loss = Mutex<(text: Data, told: AsyncStream<Never>.Continuation)?>(nil)
  private let listener: Int32
  package let endpoint: RedisEndpoint

  /// Before the Redis at a unix socket.
  package init(of server: RedisServer) throws {
    guard case .unix(let path) = server.endpoint.address else {
      preconditionFailure("a test's Redis listens on a socket")
    }
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
    endpoint = RedisEndpoint(.tcp(host: "127.0.0.1", port: Int(UInt16(bigEndian: address.sin_port))))
    Thread.detachNewThread { [weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0, let self, let server = Self.connect(path) else { return }
        let line = Line(client: client, server: server)
        lines.withLock { $0.append(line) }
        Thread.detachNewThread { Self.pump(client, server, line) { line.hear($0) } }
        Thread.detachNewThread {
          Self.pump(server, client, line) { [weak self] bytes in
            guard line.isSubscriber.load(ordering: .relaxed) else { return true }
            return !line.isDeaf.load(ordering: .relaxed) && self?.loses(bytes) != true
          }
        }
      }
    }
  }

  deinit { close() }

  /// Ends every connection, and takes no more.
  package func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    lines.withLock { lines in
      for line in lines { line.end() }
      lines = []
    }
  }

  /// What Redis says to the subscribers of now never reaches them: their connections are half open.
  package func deafenSubscribers() {
    lines.withLock { lines in
      for line in lines where line.isSubscriber.load(ordering: .relaxed) {
        line.isDeaf.store(true, ordering: .relaxed)
      }
    }
  }

  /// The next that Redis says about `text` to the subscribers of now never reaches them; all else does. The stream
  /// ends when it was lost.
  package func loseNext(about text: String) -> AsyncStream<Never> {
    let (lost, told) = AsyncStream<Never>.makeStream()
    loss.withLock { $0 = (Data(text.utf8), told) }
    return lost
  }

  /// Whether this is what is to be lost.
  private func loses(_ bytes: ArraySlice<UInt8>) -> Bool {
    loss.withLock { loss in
      guard let wanted = loss, Data(bytes).range(of: wanted.text) != nil else { return false }
      wanted.told.finish()
      loss = nil
      return true
    }
  }

  /// Says something to Redis in the name of the subscribers of now.
  package func sayForSubscribers(_ command: String) {
    lines.withLock { lines in
      for line in lines where line.isSubscriber.load(ordering: .relaxed) {
        _ = Array(command.utf8).withUnsafeBytes { write(line.server, $0.baseAddress, $0.count) }
      }
    }
  }

  private static func connect(_ path: String) -> Int32? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    return isConnected ? descriptor : nil
  }

  /// Carries bytes while `passes` says so; what it does not let through is lost.
  private static func pump(
    _ source: Int32, _ target: Int32, _ line: Line, _ passes: (ArraySlice<UInt8>) -> Bool
  ) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(source, &buffer, buffer.count)
      guard count > 0 else { break }
      guard passes(buffer[..<count]) else { continue }
      var sent = 0
      while sent < count {
        let more = buffer.withUnsafeBytes { send(target, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL)) }
        guard more > 0 else { return line.end() }
        sent += more
      }
    }
    line.end()
  }
}

extension RedisProxy.Line {
  /// Learns which connections subscribe; everything passes.
  fileprivate func hear(_ bytes: ArraySlice<UInt8>) -> Bool {
    if bytes.firstRange(of: Array("SUBSCRIBE".utf8)) != nil { isSubscriber.store(true, ordering: .relaxed) }
    return true
  }
}

import Support

/// An HTTP server for one test: answers each request by its path, on a free loopback port.
final class TinyServer: Sendable {
  private let server: SocketServer

  var port: Int { server.port }

  /// `answer` gets the path and gives the whole answer, head and body.
  init(_ answer: @escaping @Sendable (String) -> String) {
    server = SocketServer { socket in
      let words = socket.readHead().split(separator: " ")
      if words.count > 1 { socket.write(answer(String(words[1]))) }
    }
  }

  func close() { server.close() }
}

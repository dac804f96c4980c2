import Foundation
import Web

/// An S3-compatible server of a test's own, `object_server.py` beside this file; ends with the object.
package final class ObjectServer: Sendable {
  /// What it is to do wrong, `times` times, with requests of a method whose address contains a text.
  package struct Fault: Sendable {
    package enum Action: String, Sendable {
      case refuses = "403 AccessDenied"
      case fails = "500 InternalError"
      case slowsDown = "503 SlowDown"
      /// It never answers.
      case hangs = "hang"
      /// The connection breaks off in the middle of what is sent.
      case resets = "reset"
      /// It does what it is asked, and its answer is lost.
      case loses = "lose"
    }

    package var method: String
    package var text: String
    package var times: Int
    package var action: Action

    package init(_ action: Action, _ method: String, _ text: String, times: Int = 1) {
      self.method = method
      self.text = text
      self.times = times
      self.action = action
    }
  }

  package static let bucket = "outputs"
  package let port: Int
  package let accessKey: String
  package let secretKey: String
  private let process: PythonServer

  /// Starts a server with an empty bucket; returns when it serves.
  package static func start() async throws -> ObjectServer {
    let server = try await PythonServer.start("object_server.py", bucket)
    guard server.words.count == 3, let port = Int(server.words[0]) else {
      throw PythonServer.DidNotStart(output: server.words.joined(separator: " "))
    }
    return ObjectServer(server, port: port, accessKey: server.words[1], secretKey: server.words[2])
  }

  private init(_ process: PythonServer, port: Int, accessKey: String, secretKey: String) {
    self.process = process
    self.port = port
    self.accessKey = accessKey
    self.secretKey = secretKey
  }

  package var endpoint: String { "http://127.0.0.1:\(port)" }

  /// Ends it without a goodbye.
  package func kill() async {
    await process.kill()
  }

  /// From now on it does these wrong, and no others.
  package func misbehave(_ faults: Fault...) async throws {
    let list = faults.map {
      #"{"method":"\#($0.method)","contains":"\#($0.text)","times":\#($0.times),"action":"\#($0.action.rawValue)"}"#
    }
    _ = try await ask(.post, "faults", "[\(list.joined(separator: ","))]")
  }

  /// What it was asked: method, path with query, and status or fault of each request.
  package var log: [String] {
    get async throws { try await ask(.get, "log").split(separator: "\n").map(String.init) }
  }

  /// Returns when there is a line of the log that contains a text.
  package func waitFor(_ text: String) async throws {
    _ = try await ask(.post, "wait", text)
  }

  private func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String = "") async throws -> String {
    let answer = try await HTTPClient().send(
      HTTPRequest(
        method, try WebAddress("\(endpoint)/-/\(path)"), headers: [("content-type", "application/json")],
        body: .bytes(Array(body.utf8)), limits: HTTPLimits(addresses: .any, size: 16 << 20)))
    return String(decoding: answer.body, as: UTF8.self)
  }
}

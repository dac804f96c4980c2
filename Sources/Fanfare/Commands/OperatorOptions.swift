import ArgumentParser
import Foundation
import Jobs

/// The options of every command that looks at jobs, queues and workers.
struct OperatorOptions: ParsableArguments {
  @OptionGroup var client: ClientOptions

  @Flag(name: .long, help: "Print the gateway's JSON.")
  var json = false

  /// Asks, and shows the answer as `show` has it, or as it came.
  func ask(
    _ method: String, _ path: String, query: [(String, String?)] = [], body: JSONText? = nil,
    show: (JSONValue) -> Void
  ) throws {
    let answer = try client.api().ask(method, path, query: query, body: body)
    if json { Terminal.say("\(answer.text)") } else { show(answer) }
  }
}

/// A duration or a moment as people write it on a command line.
enum Written {
  /// A payload, or the file that is named behind an @.
  static func payload(_ text: String?) throws -> JSONText? {
    guard var text else { return nil }
    if text.hasPrefix("@") {
      let path = String(text.dropFirst())
      guard let content = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw CommandFailure(description: "--payload: the file \(path) cannot be read")
      }
      text = content
    }
    do {
      return try JSONText(validating: text)
    } catch {
      throw CommandFailure(description: "--payload: found \(error); wanted a JSON object")
    }
  }

  /// Seconds, as the interface has them.
  static func seconds(_ text: String?, _ option: String) throws -> Double? {
    guard let text else { return nil }
    if let seconds = Double(text), seconds >= 0 { return seconds }
    guard let duration = Duration(written: text) else {
      throw CommandFailure(description: "\(option): found \"\(text)\"; wanted \(Duration.wanted)")
    }
    return duration / .seconds(1)
  }

  /// Milliseconds since 1970: `2h` is two hours ago, `2026-11-21T10:00:00Z` a moment.
  static func moment(_ text: String?, _ option: String, now: Date = Date()) throws -> String? {
    guard let text else { return nil }
    if let duration = Duration(written: text) {
      return "\(Int64((now.timeIntervalSince1970 - duration / .seconds(1)) * 1000))"
    }
    if let date = try? Date(text, strategy: .iso8601) {
      return "\(Int64(date.timeIntervalSince1970 * 1000))"
    }
    throw CommandFailure(
      description: "\(option): found \"\(text)\"; wanted how long ago, like 2h, or a moment like "
        + "2026-11-21T10:00:00Z")
  }
}

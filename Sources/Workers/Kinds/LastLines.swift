import Jobs
import Synchronization

/// The last lines a program said, for the sentence that tells why it failed.
final class LastLines: Sendable {
  private let limit: Int
  private let lines = Mutex<[String]>([])

  init(limit: Int) { self.limit = limit }

  func append(_ line: String) {
    lines.withLock { lines in
      if lines.count == limit { lines.removeFirst() }
      lines.append(LogBuffer.clean(line))
    }
  }

  var text: String { lines.withLock { $0.joined(separator: "\n") } }
}

extension JobFailure {
  /// A program that ended otherwise than well.
  init(_ exit: ChildExit, of program: String, saying words: String) {
    let words = words.isEmpty ? "" : "\n\(words)"
    switch exit {
    case .status(let code):
      self.init(code: "exit_status", message: "\(program) ended with status \(code).\(words)")
    case .signal(let number):
      self.init(code: "signal", message: "\(program) was ended by signal \(number).\(words)")
    }
  }
}

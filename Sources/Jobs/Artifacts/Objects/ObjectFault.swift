package import Web

/// Why a store of objects did not do what was asked of it. Holds no key, no secret and no address.
package enum ObjectFault: Error, Hashable, Sendable {
  /// What was attempted, the end of a sentence: "put an object".
  package typealias Operation = String

  /// It answered with a status of its own; `code` is S3's name of the fault, empty where there was none.
  case refused(Operation, status: Int, code: String)
  /// It did not answer, or broke off.
  case unreachable(Operation, HTTPError)
  /// It answered well, and what it says is not understood.
  case unreadable(Operation)
  /// The file that was to be put there cannot be read.
  case unreadableFile(reason: String)
  /// The task was cancelled, or the run that asked may write no more.
  case cancelled

  /// Whether the same may go well in a moment.
  var mayPass: Bool {
    switch self {
    case .refused(_, let status, let code):
      [408, 429].contains(status) || (500...).contains(status) || code == "RequestTimeout" || code == "SlowDown"
    case .unreachable(_, let error): error.mayPass
    case .unreadable, .unreadableFile, .cancelled: false
    }
  }

  init(_ operation: Operation, _ error: HTTPError) {
    self =
      switch error {
      case .cancelled: .cancelled
      case .unreadableBody(let reason): .unreadableFile(reason: reason)
      default: .unreachable(operation, error)
      }
  }

  /// `status`: where the answer's own says that all went well.
  init(_ operation: Operation, _ answer: HTTPAnswer, status: Int? = nil) {
    let code = FlatXML(answer.body).first("Code") ?? ""
    // Whatever stands there, only what looks like a name is passed on.
    let isName = code.utf8.count <= 64 && code.utf8.allSatisfy { $0 < 0x80 && Character(Unicode.Scalar($0)).isLetter }
    self = .refused(operation, status: status ?? answer.status, code: isName ? code : "")
  }
}

extension ObjectFault: CustomStringConvertible {
  /// A sentence without its end.
  package var description: String {
    switch self {
    case .refused(let operation, let status, let code):
      "the object store was to \(operation) and answered \(status)\(code.isEmpty ? "" : " \(code)")"
    case .unreachable(let operation, let error): "the object store was to \(operation), but \(error)"
    case .unreadable(let operation): "the object store was to \(operation), and its answer is not understood"
    case .unreadableFile(let reason): "a file cannot be read: \(reason)"
    case .cancelled: "it was cancelled"
    }
  }
}

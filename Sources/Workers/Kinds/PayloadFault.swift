import Jobs

/// What is wrong at one place of a payload.
struct PayloadFault: Error, Hashable, CustomStringConvertible {
  /// A JSON pointer into the payload (RFC 6901).
  var pointer: String
  var reason: String

  init(_ pointer: String, _ reason: String) {
    self.pointer = pointer
    self.reason = reason
  }

  var description: String { "\(pointer) \(reason)" }

  /// A member's name as one step of a pointer (RFC 6901 §3): short, without control characters.
  static func step(_ name: String) -> String {
    shown(name).replacing("~", with: "~0").replacing("/", with: "~1")
  }

  /// A submitter's word as a fault shows it: short, without control characters.
  static func shown(_ word: String) -> String {
    let clean = LogBuffer.clean(word)
    return clean.count > 40 ? "\(clean.prefix(40))…" : clean
  }
}

/// All that is wrong with a payload.
struct PayloadFaults: Error, Hashable {
  var faults: [PayloadFault]

  init(_ faults: [PayloadFault]) { self.faults = faults }
}

extension Outcome {
  /// The payload cannot be worked on, and never will be: all that is wrong with it.
  static func badInput(_ faults: [PayloadFault]) -> Outcome {
    let text = faults.map(\.description).joined(separator: "; ")
    return .failedForGood(JobFailure(code: "bad_input", message: "\(text)."))
  }
}

/// The name of a queue: 1 to 64 of the characters `A-Z a-z 0-9 . _ -`.
///
/// Braces cannot enter, so that a name never moves a key to another slot of a Redis Cluster.
package struct QueueName: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String

  /// Nil when `text` is not a name.
  package init?(_ text: String) {
    guard isName(text) else { return nil }
    description = text
  }

  /// The queue of jobs that name none.
  package static let `default` = QueueName("default")!

  package static func < (a: QueueName, b: QueueName) -> Bool { a.description < b.description }
}

/// What a job asks for, and by which a worker finds the code that does it: `ffmpeg`, `transcribe`…
///
/// The same characters as a queue's name.
package struct JobKind: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// Nil when `text` is not a name.
  package init?(_ text: String) {
    guard isName(text) else { return nil }
    description = text
  }
}

/// A worker process, unique among all that share a broker: `host-pid-random`.
package struct WorkerID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String

  /// Nil when `text` is not a name of at most 128 characters.
  package init?(_ text: String) {
    guard isName(text, limit: 128) else { return nil }
    description = text
  }

  package static func < (a: WorkerID, b: WorkerID) -> Bool { a.description < b.description }
}

private func isName(_ text: String, limit: Int = 64) -> Bool {
  guard (1...limit).contains(text.utf8.count) else { return false }
  return text.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// How urgent a job is: 1 to 10, 10 most urgent.
package struct Priority: Hashable, Sendable, Comparable {
  package let level: Int

  /// Nil outside 1…10.
  package init?(_ level: Int) {
    guard (1...10).contains(level) else { return nil }
    self.level = level
  }

  /// The priority of jobs that name none.
  package static let normal = Priority(5)!

  package static func < (a: Priority, b: Priority) -> Bool { a.level < b.level }
}

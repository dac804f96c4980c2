/// A value of a pickle. Those that hold others are named by their place in the ``PickleDocument``: a list may
/// hold itself, and one that is nested a million times must not be let go by recursion.
enum PickleValue: Hashable, Sendable {
  case none
  case bool(Bool)
  /// In decimal digits: Python's whole numbers have no bound.
  case integer(String)
  case float(Double)
  case text(String)
  case bytes([UInt8])
  /// A class or a function, by module and name: nothing is ever looked up or called.
  case global(module: String, name: String)
  case node(Int)
}

/// What holds other values.
enum PickleNode: Hashable, Sendable {
  case list([PickleValue])
  case tuple([PickleValue])
  case set([PickleValue])
  case dictionary([Entry])
  /// Hours from UTC, as ISO 8601 has them.
  case timeZone(String)
  case uuid(String)
  /// A UUID whose number has not come yet.
  case emptyUUID
  /// Something that only Python could make, by its type.
  case object(type: String)

  struct Entry: Hashable, Sendable {
    var key: PickleValue
    var value: PickleValue
  }
}

/// Why a pickle is not read.
enum PickleError: Error, Hashable, Sendable, CustomStringConvertible {
  /// It ends early, or no pickle has this: at which byte.
  case malformed(offset: Int, String)
  /// It holds an object that is no plain value: its type.
  case object(type: String)
  /// JSON has no such value.
  case notJSON(String)
  case tooLarge
  case tooDeep

  var description: String {
    switch self {
    case .malformed(let offset, let what): "its arguments are no pickle: \(what) at byte \(offset)"
    case .object(let type): "its arguments hold an object of type \(type)"
    case .notJSON(let what): "its arguments hold \(what), which JSON has not"
    case .tooLarge: "its arguments are too large"
    case .tooDeep: "its arguments are nested too deep"
    }
  }
}

import Foundation

/// Why a command has no answer.
package enum RedisError: Error, Hashable, Sendable {
  /// There is no connection, or it was lost or silent before the answer came. The command may or
  /// may not have been carried out.
  case unavailable
  /// Redis answered with an error.
  case refused(RedisFailure)
}

/// An error as Redis puts it: `WRONGTYPE Operation against a key…`.
package struct RedisFailure: Hashable, Sendable, CustomStringConvertible {
  /// The first word, in capitals: `ERR`, `WRONGTYPE`, `LOADING`…
  package var code: String
  /// The whole text, the code included.
  package var description: String

  package init(_ text: String) {
    description = text
    code = String(text.prefix { $0 != " " })
  }

  /// Whether the server as a whole cannot serve at present, whatever the command.
  ///
  /// It loads its data, lost its master, cannot write to its disk or has no memory left: from
  /// outside the same as being away.
  package var meansUnavailable: Bool {
    switch code {
    case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM",
      "NOREPLICAS", "BUSY", "UNBLOCKED":
      true
    default: false
    }
  }

  /// Whether a function was called that the server does not have.
  var isUnknownFunction: Bool { description == "ERR Function not found" }

  /// Whether this connection leads to the wrong place: another, to the same name, may not.
  ///
  /// A master that became a replica answers READONLY for ever on the connections it has.
  package var mustReconnect: Bool { code == "READONLY" || code == "LOADING" || code == "UNBLOCKED" }
}

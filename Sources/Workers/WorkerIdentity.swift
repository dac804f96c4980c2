import Foundation
package import Jobs

extension WorkerID {
  /// A name for this process: `host-pid-random`; characters that no name may hold become `-`.
  package static func generated(
    host: String = ProcessInfo.processInfo.hostName,
    process: Int32 = ProcessInfo.processInfo.processIdentifier
  ) -> WorkerID {
    let safe = host.prefix(64).map { character in
      character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
        ? character : "-"
    }
    let random = String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16)
    guard let id = WorkerID("\(safe.isEmpty ? "host" : String(safe))-\(process)-\(random)") else {
      preconditionFailure("a worker's name of allowed characters was refused")
    }
    return id
  }
}

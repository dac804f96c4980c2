import Foundation

/// The other end of a ``ControlSocket``: what `fanfare reload` asks a running `serve`, and waits for.
struct ControlCall {
  static let reload = "reload"
  static let said = "said "
  static let done = "done "
  static let failed = "failed "

  private let descriptor: Int32

  /// Calls the `serve` of the folder; the one with the number `process` where several run. Throws
  /// ``CommandFailure`` where there is none, or not one.
  init(in folder: StateFolder, process: Int32?) throws(CommandFailure) {
    var living: [pid_t: Int32] = [:]
    for candidate in ControlSocket.processes(in: folder) where process == nil || process == candidate {
      // One that is gone refuses.
      if let descriptor = Self.call(candidate, in: folder) { living[candidate] = descriptor }
    }
    guard let (_, descriptor) = living.first, living.count == 1 else {
      for descriptor in living.values { close(descriptor) }
      let numbers = living.keys.sorted().map(String.init).joined(separator: ", ")
      let whose = process.map { "process \($0)" } ?? "fanfare serve"
      throw CommandFailure(
        description: living.isEmpty
          ? "no \(whose) runs with the folder \(folder.path): --folder or --config as it was started"
          : "several run with the folder \(folder.path): choose one of \(numbers) by --pid")
    }
    self.descriptor = descriptor
  }

  private static func call(_ process: pid_t, in folder: StateFolder) -> Int32? {
    try? ControlSocket.open(in: folder, process: process) { connect($0, $1, $2) == 0 }
  }

  /// Asks for a reload and returns what came of it, when it has come; `say` gets what is told on the way. Throws
  /// ``CommandFailure`` where it failed.
  func reload(say: (String) -> Void) throws(CommandFailure) -> String {
    defer { close(descriptor) }
    let request = Array(Self.reload.utf8)
    _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &bytes, bytes.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw CommandFailure(description: "it ended before the reload was complete", status: .failed)
      }
      let text = String(decoding: bytes[..<count], as: UTF8.self)
      if let line = text.dropping(Self.said) { say(line) }
      if let line = text.dropping(Self.done) { return line }
      if let reason = text.dropping(Self.failed) {
        throw CommandFailure(description: reason, status: .failed)
      }
    }
  }
}

extension String {
  fileprivate func dropping(_ prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}

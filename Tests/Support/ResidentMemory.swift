import Foundation

/// What a process has in memory, as Linux counts it.
package enum ResidentMemory {
  /// The most that was ever there, in bytes, files apart.
  package static func peak(of pid: Int32 = getpid()) -> Int { field("VmHWM", of: pid) }

  /// What is there now, in bytes.
  package static func current(of pid: Int32 = getpid()) -> Int { field("VmRSS", of: pid) }

  /// Lets the peak begin anew from what is there now; whether the kernel lets us.
  package static func forgetPeak(of pid: Int32 = getpid()) -> Bool {
    guard let file = fopen("/proc/\(pid)/clear_refs", "w") else { return false }
    let isWritten = fputs("5", file) >= 0
    return fclose(file) == 0 && isWritten
  }

  private static func field(_ name: String, of pid: Int32) -> Int {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(name):") }),
      let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
    else { preconditionFailure("there is no memory to be seen of process \(pid)") }
    return kibibytes << 10
  }
}

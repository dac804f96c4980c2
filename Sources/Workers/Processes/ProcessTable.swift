import Foundation

/// The processes of this machine, as `/proc` shows them. Linux only; elsewhere there are none.
enum ProcessTable {
  /// How far the kernel has come in giving out numbers; nil where it does not tell.
  static func position() -> Descent.Position? {
    let file = KernelFile()
    return position(file)
  }

  /// Kills every descendant whose environment holds `variable` = `value`, wherever it has moved to:
  /// also one that left its process group and its session. Answers how many.
  ///
  /// Looks again until nothing new is found: what ends may have started another just before.
  @concurrent @discardableResult
  static func kill(
    _ descent: Descent, carrying variable: String, _ value: String
  ) async -> Int {
    let mark = Array("\(variable)=\(value)".utf8)
    let file = KernelFile()
    var killed: Set<pid_t> = []
    /// Carry no mark, and will carry none: it is only inherited.
    var strangers: Set<pid_t> = [getpid()]
    for _ in 0..<mostLooks {
      var isNews = false
      var isEarly = false
      let processes = list()
      // Asked after the list was made: it has no process that was started later.
      let now = position(file)
      for process in processes where !strangers.contains(process) && descent.mayHold(process, at: now) {
        switch standing(of: process, mark, file) {
        case .carriesMark:
          if Foundation.kill(process, SIGKILL) == 0, killed.insert(process).inserted { isNews = true }
        case .isBeginning: isEarly = true
        case .hasEnded:
          strangers.insert(process)
          isNews = true
        case .isStranger: strangers.insert(process)
        }
      }
      guard isNews || isEarly else { break }
      if isEarly { try? await Task.sleep(for: .milliseconds(1)) }
    }
    return killed.count
  }

  /// A program that starts others faster than they are killed is not waited for for ever.
  private static let mostLooks = 100

  private enum Standing {
    case carriesMark, isStranger
    /// It runs another program from this moment on, and has no environment yet.
    case isBeginning
    /// Or it never was a program: the kernel's own processes have no memory either.
    case hasEnded
  }

  private static func standing(
    of process: pid_t, _ mark: [UInt8], _ file: KernelFile
  ) -> Standing {
    switch file.read("/proc/\(process)/environ") {
    case .contents: return file.holds(entry: mark) ? .carriesMark : .isStranger
    // That of another user's process may not be read.
    case .forbidden: return .isStranger
    case .nothing: break
    }
    guard case .contents = file.read("/proc/\(process)/stat"),
      // Behind the name, which may hold anything: see proc_pid_stat(5).
      let fields = file.rest(ofLine: "")?.split(separator: ")").last?.split(separator: " "),
      fields.count > 48, fields[20] != "0"
    else { return .hasEnded }
    // The memory's size, and where the environment ends in it: 0 until it is known.
    return fields[48] == "0" ? .isBeginning : .isStranger
  }

  static func list() -> [pid_t] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var processes: [pid_t] = []
    while let entry = readdir(folder) {
      let number = withUnsafeBytes(of: &entry.pointee.d_name) { name in
        var number: pid_t = 0
        for byte in name {
          if byte == 0 { break }
          guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return pid_t(0) }
          number = number &* 10 &+ pid_t(byte - UInt8(ascii: "0"))
        }
        return number
      }
      if number > 1 { processes.append(number) }
    }
    return processes
  }

  private static func position(_ file: KernelFile) -> Descent.Position? {
    guard case .contents = file.read("/proc/stat"),
      let started = file.rest(ofLine: "processes ").flatMap({ Int($0) }),
      case .contents = file.read("/proc/loadavg"),
      let last = file.rest(ofLine: "")?.split(separator: " ").last.flatMap({ pid_t($0) }),
      case .contents = file.read("/proc/sys/kernel/pid_max"),
      let limit = file.rest(ofLine: "").flatMap({ pid_t($0) })
    else { return nil }
    return Descent.Position(started: started, last: last, limit: limit)
  }
}

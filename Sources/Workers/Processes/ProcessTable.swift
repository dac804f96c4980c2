import Foundation

/// The processes of this machine, found by a variable of their environment.
enum ProcessTable {
  /// Kills every process whose environment holds `variable` = `value`, wherever it has moved to: also
  /// one that left its process group by `setsid`. Answers how many. Linux only; elsewhere none.
  @concurrent
  static func kill(carrying variable: String, _ value: String) async -> Int {
    let wanted = Array("\(variable)=\(value)".utf8)
    var count = 0
    guard let entries = opendir("/proc") else { return 0 }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let process = pid_t(name), process > 1, process != getpid() else { continue }
      // A process of another user, or one that has just ended, cannot be read: it is not ours.
      guard let file = fopen("/proc/\(process)/environ", "r") else { continue }
      defer { fclose(file) }
      var environment = [UInt8](repeating: 0, count: 128 << 10)
      let length = fread(&environment, 1, environment.count, file)
      let isOurs = environment[..<length].split(separator: 0).contains { $0.elementsEqual(wanted) }
      if isOurs, Foundation.kill(process, SIGKILL) == 0 { count += 1 }
    }
    return count
  }
}

extension ProcessTable {
  /// The resident bytes of this process and of all that descend from it. Linux only; elsewhere 0.
  @concurrent
  static func residentBytes() async -> Int {
    var children: [pid_t: [pid_t]] = [:]
    var pages: [pid_t: Int] = [:]
    guard let entries = opendir("/proc") else { return 0 }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let process = pid_t(name), let file = fopen("/proc/\(process)/stat", "r") else {
        continue
      }
      defer { fclose(file) }
      var text = [UInt8](repeating: 0, count: 4096)
      let length = fread(&text, 1, text.count, file)
      // The second field is a name in parentheses that may hold anything; those after it are words.
      guard let end = text[..<length].lastIndex(of: UInt8(ascii: ")")) else { continue }
      let words = text[(end + 1)..<length].split(separator: UInt8(ascii: " "))
      guard words.count > 21, let parent = pid_t(String(decoding: words[1], as: UTF8.self)),
        let resident = Int(String(decoding: words[21], as: UTF8.self))
      else { continue }
      children[parent, default: []].append(process)
      pages[process] = resident
    }
    var total = 0
    var open = [getpid()]
    while let process = open.popLast() {
      total += pages[process] ?? 0
      open += children[process] ?? []
    }
    return total * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}

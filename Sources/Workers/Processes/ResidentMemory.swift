import Foundation

/// How much memory this process and its descendants hold.
enum ResidentMemory {
  /// In bytes. Linux only; elsewhere 0.
  @concurrent
  static func bytes() async -> Int {
    var children: [pid_t: [pid_t]] = [:]
    var pages: [pid_t: Int] = [:]
    let file = KernelFile()
    for process in ProcessTable.list() {
      guard case .contents = file.read("/proc/\(process)/stat"),
        // Behind the name, which may hold anything: see proc_pid_stat(5).
        let fields = file.rest(ofLine: "")?.split(separator: ")").last?.split(separator: " "),
        fields.count > 21, let parent = pid_t(fields[1]), let resident = Int(fields[21])
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

import Support

/// A history in SQLite as Python reads it, which knows nothing of ours.
struct HistoryFile: Sendable {
  let path: String
  /// Words before the command, where the file is only seen behind them.
  var behind: [String] = []

  /// The rows that a statement finds, a line each, with spaces between the columns. None where the file cannot be read.
  func ask(_ sql: String) async throws -> [String] {
    let script = """
      import sqlite3, sys
      for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row)
      """
    let process = try SpawnedProcess(
      "/usr/bin/env", behind + ["/usr/bin/python3", "-c", script, path, sql],
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
    var lines: [String] = []
    for await line in process.lines { lines.append(line) }
    return await process.ended() == 0 ? lines : []
  }
}

import Foundation

/// Standard output: a terminal, in which a line can be drawn again in place, or a pipe.
struct Terminal {
  let isInteractive: Bool

  init() {
    isInteractive =
      isatty(STDOUT_FILENO) != 0 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  /// Columns; asked for each time, because a window changes.
  var width: Int { size.columns }

  private var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Draws the last line anew. The cursor stays behind it, one column free: a full line would wrap.
  func redraw(_ line: (_ width: Int) -> String) {
    write("\r\u{1B}[2K" + line(width - 1))
  }

  /// Draws the whole screen anew, cut at its edges. The cursor stays below, on a row of its own.
  func show(_ lines: [String]) {
    let size = size
    let shown = lines.prefix(size.rows - 1).map { String($0.prefix(size.columns)) }
    write("\u{1B}[H\u{1B}[2J" + shown.joined(separator: "\r\n") + "\r\n")
  }

  func writeLine(_ text: String = "") { write(text + "\n") }

  private func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

  /// A line of the command's result; written at once, also into a pipe.
  static func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

  /// Says something that is not the command's result.
  static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

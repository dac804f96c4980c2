import Jobs

/// Shows a watched job or group in the form that was asked for: a bar, lines, or the gateway's own JSON.
final class RecordDisplay<Record> {
  private enum Form { case bar, lines, json }

  private let terminal: Terminal
  private let form: Form
  private let bar: (Record, Int) -> String
  private let line: (Record) -> String?
  private var barStands = false

  /// A bar in a terminal and lines in a pipe, or JSON. `bar` is one line, of a width at most; `line` is what
  /// a change is worth, nil where it says nothing new.
  init(
    terminal: Terminal, json: Bool, bar: @escaping (Record, Int) -> String,
    line: @escaping (Record) -> String?
  ) {
    self.terminal = terminal
    self.bar = bar
    self.line = line
    form = json ? .json : terminal.isInteractive ? .bar : .lines
  }

  /// What the gateway sent, and what the record is by it.
  func changed(_ record: Record, _ event: JSONText) {
    switch form {
    case .json: terminal.writeLine("\(event)")
    case .lines: if let line = line(record) { terminal.writeLine(line) }
    case .bar: draw(record)
    }
  }

  /// Draws again, for a window that changed its width.
  func draw(_ record: Record) {
    guard form == .bar else { return }
    terminal.redraw { bar(record, $0) }
    barStands = true
  }

  /// A word between: it stands above the bar, which is drawn again below.
  func note(_ text: String) {
    endLine()
    Terminal.note(text)
  }

  /// Leaves the bar as it is and goes on below.
  func endLine() {
    if barStands { terminal.writeLine() }
    barStands = false
  }
}

import Jobs

/// Shows a watched job in the form that was asked for: a bar, lines, or the gateway's own JSON.
final class JobDisplay {
  enum Form { case bar, lines, json }

  private let terminal: Terminal
  private let form: Form
  private var lines = ProgressLines()
  private var barStands = false

  /// A bar in a terminal and lines in a pipe, or JSON.
  init(terminal: Terminal, json: Bool) {
    self.terminal = terminal
    form = json ? .json : terminal.isInteractive ? .bar : .lines
  }

  /// What the gateway sent, and what the job is by it.
  func changed(_ job: WatchedJob, _ event: JSONText) {
    switch form {
    case .json: terminal.writeLine("\(event)")
    case .lines: if let line = lines.line(for: job) { terminal.writeLine(line) }
    case .bar: draw(job)
    }
  }

  /// Draws again, for a window that changed its width.
  func draw(_ job: WatchedJob) {
    guard form == .bar else { return }
    terminal.redraw { ProgressBar.line(for: job, width: $0) }
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

import Foundation
import Jobs

/// Looks again and again: a screen that is drawn anew in a terminal, a line each time elsewhere.
struct TaskWatch {
  let api: GatewayAPI
  let terminal: Terminal
  let json: Bool
  let interval: Duration

  /// Ends, in good order, with Ctrl-C. A gateway that is away, and a budget that is spent, are waited for.
  func run() throws(ClientError) {
    Interrupt.watch()
    while true {
      var pause = interval
      do throws(ClientError) {
        try look()
      } catch {
        if error == .interrupted || Interrupt.isReceived { return leave() }
        guard error.isTemporary else { throw error }
        if case .problem(_, _, let seconds?) = error { pause = max(pause, .seconds(seconds)) }
        Terminal.note("\(error)")
      }
      do throws(ClientError) { try Interrupt.pause(pause) } catch { return leave() }
    }
  }

  private func leave() {
    if terminal.isInteractive { terminal.writeLine() }
  }

  private func look() throws(ClientError) {
    let answer = try api.ask("GET", "/v1/stats", query: [("minutes", "60")])
    if json { return Terminal.say("\(answer.text)") }
    let time = Self.clock(Date())
    guard terminal.isInteractive else { return Terminal.say("\(time)  \(TaskStatistics(answer).line)") }
    let page = try api.ask("GET", "/v1/jobs", query: MonitorCommand.List.query(limit: 10, nil))
    let table = TaskListing.tasks(page)
    let head = "Tasks at \(time), every \(interval.shortText) (Ctrl-C ends)"
    terminal.show([head, ""] + TaskStatistics(answer).lines + [""] + (table.isEmpty ? [] : table.lines))
  }

  /// The time of day, in UTC.
  private static func clock(_ date: Date) -> String { String(date.formatted(.iso8601).dropFirst(11)) }
}

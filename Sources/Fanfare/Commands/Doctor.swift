import ArgumentParser
import EventLoop
import Foundation
import Jobs

/// `fanfare doctor`: what cannot be, and is.
struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look through everything the broker holds, and its payloads in the store, for what cannot be.",
    discussion: """
      Works while gateways and workers do, if the broker is a Redis; with the embedded broker while no \
      gateway has its folder. Ends with 0 if all is well or was mended, with 1 if something is left, with 2 \
      if it could not look.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Mend what is found; no job is ended by it.")
  var repair = false

  @Flag(name: .long, help: "Print JSON: everything that was found.")
  var json = false

  func run() async throws {
    let tool = BrokerTool(try options.load())
    var examination = Examination()
    let terminal = Terminal()
    let showsProgress = terminal.isInteractive && !json
    do {
      examination = try await tool.withBroker { broker in
        try await Examination.examine(broker, try tool.payloads(), repairs: repair) { partial in
          guard showsProgress else { return }
          terminal.redraw { String("checked \(partial.checked), found \(partial.findings.count)".prefix($0)) }
        }
      }
    } catch {
      if showsProgress { terminal.redraw { _ in "" } }
      throw error
    }
    if showsProgress { terminal.redraw { _ in "" } }
    if json {
      Terminal.say("\(examination.document)")
    } else {
      for line in examination.lines { Terminal.say(line) }
    }
    if examination.left > 0 { throw ExitCode(ExitStatus.failed.rawValue) }
  }
}

/// A whole audit, put together from its pieces.
struct Examination: Hashable, Sendable {
  private(set) var checked = 0
  private(set) var findings: [AuditFinding] = []

  /// What was found and not mended.
  var left: Int { findings.count { !$0.isRepaired } }

  /// Examines everything, a piece at a time: the broker's store, then the payloads in that of artifacts;
  /// `progressed` hears of each.
  static func examine(
    _ broker: any Broker, _ payloads: PayloadStore, repairs: Bool, pieces: Int = 1000,
    progressed: (Examination) -> Void
  ) async throws(BrokerError) -> Examination {
    var examination = Examination()
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: repairs, after: cursor, limit: pieces)
      examination.checked += report.checked
      examination.findings += report.findings
      cursor = report.next
      progressed(examination)
    } while cursor != nil
    repeat {
      let report = try await payloads.audit(broker, after: cursor)
      examination.findings += report.findings
      cursor = report.next
      progressed(examination)
    } while cursor != nil
    return examination
  }

  /// For people: a line for each finding, and one for all.
  var lines: [String] {
    findings.map {
      "\($0.kind.rawValue)  \($0.subject)  \($0.detail)\($0.isRepaired ? "  (mended)" : "")"
    } + ["Checked \(checked), found \(findings.count), mended \(findings.count - left)."]
  }

  /// `{"checked","found","mended","left","findings":[…]}`.
  var document: JSONText {
    var writer = JSONWriter()
    writer.object { report in
      report.member("checked", checked)
      report.member("found", findings.count)
      report.member("mended", findings.count - left)
      report.member("left", left)
      AuditFinding.write(findings, into: &report)
    }
    return writer.text
  }
}

import ArgumentParser
import EventLoop
import Foundation
import Jobs

/// `fanfare doctor`: what cannot be, and is.
struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look through everything the broker holds for what cannot be.",
    discussion: "Ends with 0 if all is well or was repaired, with 1 if not.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(name: .long, help: "Mend what is found.")
  var repair = false

  func run() async throws {
    let tool = BrokerTool(try options.load())
    let repairs = repair
    let (checked, findings) = try await tool.withBroker { broker in
      try await Self.examine(broker, repairs: repairs)
    }
    for finding in findings {
      Terminal.say(
        "\(finding.kind.rawValue) \(finding.subject): \(finding.detail)"
          + (finding.isRepaired ? " (repaired)" : ""))
    }
    let left = findings.count { !$0.isRepaired }
    Terminal.say("Checked \(checked), found \(findings.count), repaired \(findings.count - left).")
    if left > 0 { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private static func examine(
    _ broker: any Broker, repairs: Bool
  ) async throws(BrokerError) -> (checked: Int, findings: [AuditFinding]) {
    var checked = 0
    var findings: [AuditFinding] = []
    var cursor: String?
    repeat {
      let report = try await broker.audit(repairs: repairs, after: cursor, limit: 1000)
      checked += report.checked
      findings += report.findings
      cursor = report.next
    } while cursor != nil
    return (checked, findings)
  }
}

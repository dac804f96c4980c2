import ArgumentParser
import Jobs

/// `fanfare health`: whether anything needs somebody's attention.
struct HealthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Say how queues, workers and the broker do.",
    discussion: "Ends with 0 if all is well, with 1 if there is an alert.")

  @OptionGroup var options: OperatorOptions

  func run() throws {
    let answer = try options.client.api().ask("GET", "/v1/health")
    if options.json {
      Terminal.say("\(answer.text)")
    } else {
      Terminal.say(Listing.text(answer, "status"))
      for alert in answer["alerts"]?.array ?? [] {
        let queue = alert["queue"]?.string.map { "\($0): " } ?? ""
        Terminal.say("  \(Listing.text(alert, "condition"))  \(queue)\(Listing.text(alert, "detail"))")
      }
    }
    if answer["status"]?.string != "healthy" { throw ExitCode(ExitStatus.failed.rawValue) }
  }
}

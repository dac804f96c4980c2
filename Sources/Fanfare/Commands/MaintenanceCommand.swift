import ArgumentParser
import Jobs

/// `fanfare maintenance`: has a gateway do now what is done every few seconds, and look through its broker.
struct MaintenanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "maintenance", abstract: "Have a gateway take back stuck jobs now, and audit its broker.",
    discussion: """
      Takes jobs from lost workers, queues what is due, fails what passed its limits, forgets what was kept \
      long enough; then looks for what cannot be, in the broker and among the payloads in the store. By \
      themselves the first goes on every few seconds, and the broker is looked through and mended every ten \
      minutes: this is for those who want it now, and for the embedded broker of a running gateway, which \
      fanfare doctor cannot open. Ends with 0 if all is well or was mended, with 1 if something is left.
      """)

  @OptionGroup var options: OperatorOptions

  @Flag(name: .long, help: "Mend what is found; no job is ended by it.")
  var repair = false

  func run() throws {
    let api = try options.client.api()
    var (checked, found, mended) = (0, 0, 0)
    var cursor: String?
    repeat {
      var writer = JSONWriter()
      writer.object {
        $0.fact("repair", repair)
        $0.member("cursor", cursor)
      }
      let answer = try api.askPatiently("POST", "/v1/maintenance", body: writer.text)
      if options.json { Terminal.say("\(answer.text)") }
      if !options.json, let done = answer["maintenance"]?.object {
        Terminal.say(done.map { "\($0.name) \($0.value.int ?? 0)" }.joined(separator: ", "))
      }
      let audit = answer["audit"]
      checked += audit?["checked"]?.int ?? 0
      found += audit?["found"]?.int ?? 0
      mended += audit?["mended"]?.int ?? 0
      if !options.json {
        for finding in audit?["findings"]?.array ?? [] {
          let end = finding["mended"]?.bool == true ? "  (mended)" : ""
          let words = ["kind", "subject", "detail"].map { Listing.text(finding, $0) }
          Terminal.say(words.joined(separator: "  ") + end)
        }
      }
      cursor = answer["cursor"]?.string
    } while cursor != nil
    if !options.json { Terminal.say("Checked \(checked), found \(found), mended \(mended).") }
    if found > mended { throw ExitCode(ExitStatus.failed.rawValue) }
  }
}

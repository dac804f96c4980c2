import ArgumentParser
import Jobs

extension JobsCommand {
  /// `fanfare jobs bulk`: one verb on all jobs that match.
  struct Bulk: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Do one thing to all jobs that match.",
      discussion: """
        At least one of --state, --queue, --kind, --user, --since, --until, --ended-before, or --all. Where a \
        request budget is spent it waits as long as the gateway says.
        """)
    @OptionGroup var options: OperatorOptions
    @OptionGroup var filter: Filter

    @Argument(help: "cancel, retry, redrive, promote, reprioritise or remove.")
    var action: String

    @Flag(name: .long, help: "All of one's jobs are meant.")
    var all = false

    @Option(name: .long, help: "For redrive: the queue they go to.") var to: String?
    @Option(name: .long, help: "For reprioritise: 1 to 10.") var priority: Int?
    @Option(name: .long, help: "For retry: not before this long.") var delay: String?
    @Option(name: .long, help: "For cancel: why.") var reason: String?
    @Flag(name: .long, help: "For cancel: kill at once.") var force = false

    func run() throws {
      let isNarrowed =
        !filter.state.isEmpty
        || [filter.queue, filter.kind, filter.user, filter.since, filter.until, filter.endedBefore]
          .contains { $0 != nil }
      guard isNarrowed || all else {
        throw CommandFailure(
          description: "which jobs are meant? Say it with --state, --queue, …, or --all")
      }
      let delay = try Written.seconds(delay, "--delay")
      let filter = try filter.document()
      let api = try options.client.api()
      var (done, skipped) = (0, 0)
      var cursor: String?
      repeat {
        var writer = JSONWriter()
        writer.object {
          $0.member("action", action)
          $0.member("filter", filter)
          $0.member("limit", 200)
          $0.member("cursor", cursor)
          $0.member("queue", to)
          $0.member("priority", priority)
          $0.member("delay", number: delay)
          $0.member("reason", reason)
          $0.fact("force", force)
        }
        let page = try api.askPatiently("POST", "/v1/jobs/bulk", body: writer.text)
        if options.json { Terminal.say("\(page.text)") }
        done += page["done"]?.array?.count ?? 0
        for job in page["skipped"]?.array ?? [] {
          skipped += 1
          if !options.json {
            Terminal.note("\(Listing.text(job, "id"))  skipped: \(Listing.text(job, "detail"))")
          }
        }
        cursor = page["cursor"]?.string
      } while cursor != nil
      if !options.json { Terminal.say("\(action): \(done) jobs, \(skipped) skipped") }
    }
  }
}

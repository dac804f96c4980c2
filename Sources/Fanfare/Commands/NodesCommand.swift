import ArgumentParser
import Jobs

/// `fanfare nodes`: the gateways that share a broker.
struct NodesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nodes", abstract: "List the gateways that share a broker.",
    discussion: """
      DELAY is how long what a gateway publishes takes to come back to it through Redis; the embedded broker \
      has none.
      """)

  @OptionGroup var options: OperatorOptions

  func run() throws {
    try options.ask("GET", "/v1/nodes") { Listing.nodes($0).say(or: "No gateway is there.") }
  }
}

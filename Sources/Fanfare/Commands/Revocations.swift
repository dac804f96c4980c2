import ArgumentParser
import Foundation
import Jobs

extension Token {
  /// `fanfare token revoke`: declares tokens void, on every gateway at once.
  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Declare one token, or all of a user, void.",
      discussion: """
        Sockets, streams and requests that live by them end within a second (3500), on every gateway. \
        Of a user all tokens that were issued until now are void, and those that do not say when; one issued \
        within this same second counts as issued before.
        """)

    @OptionGroup var options: OperatorOptions

    @Option(name: .shortAndLong, help: "The user (sub) whose tokens are void.")
    var user: String?

    @Option(name: .long, help: "The id (jti) of the one token.")
    var id: String?

    @Option(
      name: .long,
      help: "When the one token expires, a moment like 2026-11-21T10:00:00Z: so long it is remembered.")
    var expires: String?

    func validate() throws {
      guard (user == nil) != (id == nil) else {
        throw ValidationError("wanted: --user, or --id")
      }
      guard expires == nil || id != nil else { throw ValidationError("--expires is for --id alone") }
    }

    func run() throws {
      var writer = JSONWriter()
      let expiry = try expires.map { text throws in
        guard let date = try? Date(text, strategy: .iso8601) else {
          throw CommandFailure(
            description: "--expires: found \"\(text)\"; wanted a moment like 2026-11-21T10:00:00Z")
        }
        return Int64(date.timeIntervalSince1970 * 1000)
      }
      writer.object {
        $0.member("user", user)
        $0.member("token", id)
        $0.member("expires_at", expiry)
      }
      try options.ask("POST", "/v1/revocations", body: writer.text) { answer in
        let whose = user.map { "All tokens of \($0) until now are void" } ?? "The token \(id ?? "") is void"
        let place = answer["durability"] == nil ? "." : ", on this gateway alone while Redis is away."
        Terminal.say(whose + place)
      }
    }
  }

  /// `fanfare token revocations`: what is void.
  struct Revocations: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List what was declared void and is remembered.")

    @OptionGroup var options: OperatorOptions

    @Option(name: .long, help: "How many, up to 1000.")
    var limit = 100

    func run() throws {
      try options.ask("GET", "/v1/revocations", query: [("limit", "\(limit)")]) {
        Listing.revocations($0).say(or: "Nothing is revoked.")
      }
    }
  }
}

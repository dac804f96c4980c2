import ArgumentParser
import Foundation
import Gateway
import Jobs

/// `fanfare token`: makes tokens, and looks into them.
struct Token: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a token, look into one, or declare some void.",
    usage: """
      fanfare token [--user <name>] [--scope <scope> …] [--expires 1h] [--folder <folder>]
      fanfare token inspect <token>
      fanfare token revoke --user <name> | --id <jti>
      fanfare token revocations
      """,
    discussion: "All options of making one: fanfare token issue --help",
    subcommands: [Issue.self, Inspect.self, Revoke.self, Revocations.self], defaultSubcommand: Issue.self)

  struct Issue: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "issue",
      abstract: "Make a token, signed with a configured secret or the development key.")

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .shortAndLong, help: "Whose token it is (sub).")
    var user = DevelopmentToken.user

    @Option(
      name: .long,
      help: "What it allows: jobs:submit, jobs:read, jobs:manage, admin, work; may be repeated.")
    var scope: [String] = []

    @Option(name: .long, help: "The most urgent priority its user may ask for, 1 to 10; else admission.max_priority.")
    var maxPriority: Int?

    @Option(name: .long, help: "How long it is valid, like 15m, 1h, 30d.")
    var expires = "1h"

    @Option(name: .long, help: "Make a subscription token for this channel, like job:<id>.")
    var channel: String?

    @Option(name: .long, help: "The id of the configured key to sign with.")
    var key: String?

    @Option(name: .long, help: "A private key in PEM to sign with, in place of a configured one.")
    var privateKey: String?

    @Option(name: .long, help: "The algorithm of --private-key, like ES256.")
    var algorithm: String?

    func run() throws {
      let configuration = try options.load()
      let issuer = TokenIssuer(key: try signingKey(configuration), configuration)
      guard let lifetime = Duration(written: expires), lifetime > .zero else {
        throw CommandFailure(
          description: "--expires: found \"\(expires)\"; wanted \(Duration.wanted)")
      }
      do {
        if let channel {
          Terminal.say(
            try issuer.subscriptionToken(
              user: user, channel: channel, lifetime: lifetime, now: Date()))
        } else {
          Terminal.say(
            try issuer.connectionToken(
              user: user, permissions: try permissions(), maxPriority: maxPriority, lifetime: lifetime,
              now: Date()))
        }
      } catch let error as TokenError {
        throw CommandFailure(description: "\(error)")
      }
    }

    /// Nil without `--scope`: the gateway's default then applies.
    private func permissions() throws -> Permissions? {
      if scope.isEmpty { return nil }
      let words = scope.flatMap { $0.split(whereSeparator: { $0 == " " || $0 == "," }) }
      let scopes = try words.map { word in
        guard let scope = Scope(rawValue: String(word)) else {
          throw CommandFailure(description: "--scope: found \"\(word)\"; wanted \(Scope.wanted)")
        }
        return scope
      }
      return Permissions(scopes)
    }

    private func signingKey(_ configuration: Configuration) throws -> SigningKey {
      guard let privateKey else {
        let environment = ProcessInfo.processInfo.environment
        let keys = KeyStore(configuration, environment: environment)
        if configuration.isDevelopment, try keys.existingDevelopmentKey() == nil {
          let folder = StateFolder(configuration, environment: environment).path
          Terminal.note(
            "A development key is made in \(folder). A gateway that was started with another folder "
              + "does not know it: then name that one with --folder.")
        }
        return try keys.signingKey(id: key)
      }
      guard let algorithm = algorithm.flatMap(TokenAlgorithm.init(rawValue:)) else {
        throw CommandFailure(
          description: "--private-key needs --algorithm: \(TokenAlgorithm.wanted)")
      }
      guard let text = try? String(contentsOfFile: privateKey, encoding: .utf8) else {
        throw CommandFailure(description: "--private-key: the file \(privateKey) cannot be read")
      }
      do {
        return try SigningKey(privateKeyPEM: text, algorithm: algorithm, id: key)
      } catch {
        throw CommandFailure(description: "--private-key: \(error)")
      }
    }
  }

  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what is in a token, and whether this configuration takes it.",
      discussion: "Ends with 0 if the token is taken, with 2 if not.")

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The token; - reads it from standard input.")
    var token: String

    func run() throws {
      let configuration = try options.load()
      let text = token == "-" ? readLine() ?? "" : token
      for part in text.split(separator: ".", omittingEmptySubsequences: false).prefix(2) {
        Terminal.say(Self.decoded(part) ?? "(not base64url)")
      }
      let authenticator = try KeyStore(
        configuration, environment: ProcessInfo.processInfo.environment
      ).authenticator()
      do {
        let identity = try authenticator.authenticate(text, now: Date())
        Terminal.say(
          "taken: user \(identity.user), \(identity.permissions), until \(identity.expiresAt)")
      } catch .notForConnecting {
        Terminal.say("a subscription token: its channel and user are checked when it is used")
      } catch {
        throw CommandFailure(description: "not taken: \(error)")
      }
    }

    private static func decoded(_ part: Substring) -> String? {
      let base64 = part.replacing("-", with: "+").replacing("_", with: "/")
      let padding = String(repeating: "=", count: (4 - base64.count % 4) % 4)
      return Data(base64Encoded: base64 + padding).map { String(decoding: $0, as: UTF8.self) }
    }
  }
}

import ArgumentParser
import Foundation
import Gateway

/// The options of every command that asks a gateway.
struct ClientOptions: ParsableArguments {
  @Option(name: .long, help: "The gateway; else FANFARE_URL, else the configuration's address.")
  var url: String?

  @Option(
    name: .long,
    help: "The token; else FANFARE_TOKEN, else one made with this machine's development key.")
  var token: String?

  @Option(name: .long, help: "The configuration file that the gateway was started with.")
  var config: String?

  @Option(
    name: .long,
    help: "The folder that the gateway was started with: its development key lies there.")
  var folder: String?

  func server() throws -> ServerAddress {
    let environment = ProcessInfo.processInfo.environment
    let text = url ?? environment["FANFARE_URL"] ?? configuredURL(environment)
    guard let server = ServerAddress(text) else {
      throw CommandFailure(
        description: "--url: found \"\(text)\"; wanted an address like http://127.0.0.1:8000")
    }
    return server
  }

  private func configuredURL(_ environment: [String: String]) -> String {
    guard let gateway = try? configuration(environment).gateway else {
      return "http://127.0.0.1:8000"
    }
    if !gateway.publicURL.isEmpty { return gateway.publicURL }
    let host = ["0.0.0.0", "::"].contains(gateway.host) ? "127.0.0.1" : gateway.host
    let port = gateway.port == 0 ? 8000 : gateway.port
    return "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  private func configuration(_ environment: [String: String]) throws -> Configuration {
    try ConfigurationFile.load(
      path: config ?? ConfigurationFile.location(environment: environment),
      environment: environment,
      flags: ConfigurationOptions.overrides([("broker.folder", folder, "--folder")]))
  }

  /// The token that is given, or one of the development key's for a gateway on this machine;
  /// `permissions` are those of the latter, nil for what a token without scopes allows.
  func bearer(for server: ServerAddress, permissions: Permissions? = nil) throws -> String {
    let environment = ProcessInfo.processInfo.environment
    if let token = token ?? environment["FANFARE_TOKEN"], !token.isEmpty { return token }
    guard GatewayConfiguration.isLoopback(host: server.host) else {
      throw CommandFailure(description: "a token is needed: --token or FANFARE_TOKEN")
    }
    // A file that was named must be sound; one that merely lies about may be another program's.
    if config != nil || folder != nil { _ = try configuration(environment) }
    guard let configuration = try? configuration(environment), configuration.isDevelopment else {
      throw CommandFailure(description: "a token is needed: --token or FANFARE_TOKEN")
    }
    let keys = KeyStore(configuration, environment: environment)
    guard let key = try keys.existingDevelopmentKey() else {
      let path = StateFolder(configuration, environment: environment).path
      throw CommandFailure(
        description: """
          a token is needed: --token or FANFARE_TOKEN; or --folder, the one that the gateway was \
          started with (in \(path) there is no development key)
          """)
    }
    return try DevelopmentToken.make(with: key, configuration, permissions: permissions)
  }

  /// The interface, as an operator where the token is made here.
  func api() throws -> GatewayAPI {
    let server = try server()
    return GatewayAPI(server: server, token: try bearer(for: server, permissions: [.admin]))
  }

  /// A command line that asks the same gateway.
  func commandLine(_ words: String) -> String {
    var line = "fanfare \(words)"
    for (name, value) in [("--url", url), ("--config", config), ("--folder", folder)] {
      if let value { line += " \(name) \(value.shellQuoted)" }
    }
    return line
  }
}

/// How long a command that watches puts up with a gateway that is away.
struct WatchOptions: ParsableArguments {
  @Option(name: .long, help: "How long the gateway may be away while a job is watched.")
  var patience = "5m"

  func duration() throws -> Duration {
    guard let duration = Duration(written: patience) else {
      throw CommandFailure(
        description: "--patience: found \"\(patience)\"; wanted \(Duration.wanted)")
    }
    return duration
  }
}

extension String {
  /// The text as one word of a shell.
  var shellQuoted: String {
    let isPlain =
      !isEmpty
      && allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:=,@%+~".contains($0)) }
    return isPlain ? self : "'\(replacing("'", with: #"'\''"#))'"
  }
}

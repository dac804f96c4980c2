import ArgumentParser
import Foundation

/// The options of every command that asks a gateway.
struct ClientOptions: ParsableArguments {
  @Option(name: .long, help: "The gateway; else FANFARE_URL, else http://127.0.0.1:8000.")
  var url: String?

  @Option(
    name: .long,
    help: "The token; else FANFARE_TOKEN, else one made with this machine's development key.")
  var token: String?

  @Option(name: .long, help: "How long the gateway may be away while a job is watched.")
  var patience = "5m"

  func server() throws -> ServerAddress {
    let environment = ProcessInfo.processInfo.environment
    let text = url ?? environment["FANFARE_URL"] ?? "http://127.0.0.1:8000"
    guard let server = ServerAddress(text) else {
      throw CommandFailure(
        description: "--url: found \"\(text)\"; wanted an address like http://127.0.0.1:8000")
    }
    return server
  }

  /// The token that is given, or one of the development key's for a gateway on this machine.
  func bearer(for server: ServerAddress) throws -> String {
    let environment = ProcessInfo.processInfo.environment
    if let token = token ?? environment["FANFARE_TOKEN"], !token.isEmpty { return token }
    let missing = CommandFailure(description: "a token is needed: --token or FANFARE_TOKEN")
    guard GatewayConfiguration.isLoopback(host: server.host),
      let configuration = try? ConfigurationFile.load(
        path: ConfigurationFile.location(environment: environment), environment: environment),
      configuration.isDevelopment,
      let key = try KeyStore(configuration, environment: environment).existingDevelopmentKey()
    else { throw missing }
    return try DevelopmentToken.make(with: key, configuration)
  }

  func patienceDuration() throws -> Duration {
    guard let duration = Duration(written: patience) else {
      throw CommandFailure(
        description: "--patience: found \"\(patience)\"; wanted \(Duration.wanted)")
    }
    return duration
  }
}

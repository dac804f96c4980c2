import Gateway
import Testing

@testable import Fanfare

@Suite("The configuration") struct ConfigurationFileTests {
  /// What is wrong with a file of this text.
  private func faults(in text: String) -> [ConfigurationFault] {
    var file = ConfigurationFile()
    file.read(text, from: "config.toml")
    return file.faults
  }

  @Test("takes an empty file as all defaults")
  func empty() throws {
    var file = ConfigurationFile()
    file.read("", from: "config.toml")
    #expect(file.faults.isEmpty)
    #expect(file.configuration == Configuration())
  }

  @Test("gives the gateway the thresholds of its health")
  func health() {
    var file = ConfigurationFile()
    file.read(
      """
      [health]
      backlog = 7
      error_rate = 25
      error_window = "2m"
      paused = "3m"
      idle = "4m"
      interruptions = 5
      interruption_window = "6m"
      """, from: "config.toml")
    #expect(file.faults.isEmpty)
    var rules = HealthRules()
    rules.backlog = 7
    rules.errorRate = 0.25
    rules.errorWindow = .seconds(120)
    rules.paused = .seconds(180)
    rules.idle = .seconds(240)
    rules.interruptions = 5
    rules.interruptionWindow = .seconds(360)
    #expect(GatewaySettings(file.configuration).health == rules)
  }

  @Test("gives the gateway the name of its cookie, which is a cookie's name")
  func cookie() {
    var file = ConfigurationFile()
    file.read("[gateway]\ntoken_cookie = \"__Host-session\"", from: "config.toml")
    #expect(file.faults.isEmpty)
    #expect(GatewaySettings(file.configuration).tokenCookie == "__Host-session")
    #expect(GatewaySettings(Configuration()).tokenCookie == nil)
    for name in ["a b", "a=b", "a;b", "é", "a\\tb"] {
      #expect(faults(in: "[gateway]\ntoken_cookie = \"\(name)\"").map(\.key) == ["gateway.token_cookie"])
    }
  }

  @Test(
    "refuses a key that it does not know, and names the one that was meant",
    arguments: [
      ("[gateway]\nprot = 1", "gateway.prot", "perhaps gateway.port"),
      (
        "[gateway]\nping_intervall = \"1s\"", "gateway.ping_intervall",
        "perhaps gateway.ping_interval"
      ),
      ("[gatway]\nport = 1", "gatway", "perhaps gateway"),
      ("[workers.ffmeg]\nenabled = true", "workers.ffmeg", "perhaps workers.ffmpeg"),
      (
        "[[admission.keys]]\nalgoritm = \"HS256\"", "admission.keys[0].algoritm",
        "perhaps admission.keys[0].algorithm"
      ),
      ("[log]\nzzzzzzzzzz = 1", "log.zzzzzzzzzz", "one of log.format, log.level"),
    ])
  func unknownKeys(_ text: String, _ key: String, _ wanted: String) {
    #expect(
      faults(in: text) == [
        ConfigurationFault(key: key, found: "an unknown key", wanted: wanted, source: "config.toml")
      ])
  }

  @Test(
    "refuses a value of another type or beyond its bounds, with key, found and wanted",
    arguments: [
      ("[gateway]\nport = \"80\"", "gateway.port", "\"80\"", "a whole number from 0 to 65535"),
      ("[gateway]\nport = 70000", "gateway.port", "70000", "a whole number from 0 to 65535"),
      (
        "[gateway]\nhost = \"\"", "gateway.host", "\"\"",
        "an address to listen on, like \"127.0.0.1\" or \"::\""
      ),
      (
        "[gateway]\nping_interval = 25", "gateway.ping_interval", "25",
        "\(Duration.wanted), above zero"
      ),
      (
        "[gateway]\nping_interval = \"0s\"", "gateway.ping_interval", "\"0s\"",
        "\(Duration.wanted), above zero"
      ),
      (
        "[gateway]\nmax_message = \"64KB\"", "gateway.max_message", "\"64KB\"",
        "a size from \"1KiB\" to \"16MiB\""
      ),
      (
        "[payloads]\nmax_size = \"1MiB\"", "payloads.max_size", "\"1MiB\"",
        "a size from \"1KiB\" to \"512KiB\""
      ),
      (
        "[payloads]\nmax_inline = \"512B\"", "payloads.max_inline", "\"512B\"",
        "a size from \"1KiB\" to \"256KiB\""
      ),
      (
        "[payloads]\nretention = \"59m\"", "payloads.retention", "\"59m\"",
        "a duration of at least \"1h\""
      ),
      (
        "[gateway]\nallowed_origins = [\"https://a.example/path\"]", "gateway.allowed_origins",
        "[\"https://a.example/path\"]",
        "a list of origins like \"https://app.example.com\", or \"*\" for all"
      ),
      (
        "[broker]\nurl = \"http://x\"", "broker.url", "something else",
        "\"embedded\", \"redis://host:port/database\" or \"unix:///path\""
      ),
      (
        "[broker]\nprefix = \"a{b}\"", "broker.prefix", "\"a{b}\"",
        "a text of at most 64 characters without spaces and braces"
      ),
      ("[log]\nformat = \"xml\"", "log.format", "\"xml\"", "\"text\" or \"json\""),
      ("[workers]\nqueues = []", "workers.queues", "[]", "a list of queue names, at least one"),
      (
        "[development]\nenabled = 2026-01-01", "development.enabled", "date 2026-1-1",
        "true or false"
      ),
      ("gateway = 3", "gateway", "3", "a table, headed [gateway]"),
      ("[admission]\nkeys = 3", "admission.keys", "3", "tables, each headed [[admission.keys]]"),
    ])
  func badValues(_ text: String, _ key: String, _ found: String, _ wanted: String) throws {
    let fault = try #require(faults(in: text).first)
    #expect(fault.key == key)
    #expect(fault.wanted == wanted)
    // How the library writes a date is its own affair.
    if !found.hasPrefix("date") { #expect(fault.found == found) }
  }

  @Test("tells every fault at once, each with its source")
  func allAtOnce() {
    let error = #expect(throws: ConfigurationFaults.self) {
      try ConfigurationFile.load(
        path: nil,
        environment: ["FANFARE_GATEWAY_PORT": "x", "FANFARE_LOG_LEVL": "info"],
        flags: [ConfigurationFile.Override(key: "broker.lese", value: "1s", source: "--set")])
    }
    #expect(error?.faults.map(\.source) == ["FANFARE_GATEWAY_PORT", "FANFARE_LOG_LEVL", "--set"])
    #expect(
      "\(error!)".contains("gateway.port: found \"x\"; wanted a whole number from 0 to 65535"))
    #expect("\(error!)".contains("wanted perhaps FANFARE_LOG_LEVEL"))
    #expect("\(error!)".contains("broker.lese: found an unknown key; wanted perhaps broker.lease"))
  }

  @Test("says where a file is no TOML")
  func notTOML() throws {
    let fault = try #require(faults(in: "[gateway]\nport = = 3").first)
    #expect(fault.source == "config.toml")
    #expect(fault.wanted.contains("line 2"))
  }

  @Test("says that a named file cannot be read")
  func missingFile() {
    let error = #expect(throws: ConfigurationFaults.self) {
      try ConfigurationFile.load(path: "nowhere/config.toml", environment: [:])
    }
    #expect(error?.faults.first?.found == "no readable file")
  }

  @Test("lets the environment stand over the file and flags over both")
  func precedence() throws {
    var file = ConfigurationFile()
    file.read("[gateway]\nport = 1\nhost = \"::1\"\nmax_connections = 7", from: "config.toml")
    file.apply(environment: ["FANFARE_GATEWAY_PORT": "2", "FANFARE_GATEWAY_HOST": "localhost"])
    #expect(file.configuration.gateway.port == 2)
    #expect(file.configuration.gateway.host == "localhost")
    #expect(file.configuration.gateway.maxConnections == 7)
    let loaded = try ConfigurationFile.load(
      path: nil, environment: ["FANFARE_GATEWAY_PORT": "2"],
      flags: [ConfigurationFile.Override(key: "gateway.port", value: "3", source: "--port")])
    #expect(loaded.gateway.port == 3)
  }

  @Test("reads every type from the environment, and passes over what is not its own")
  func environment() throws {
    let configuration = try ConfigurationFile.load(
      path: nil,
      environment: [
        "FANFARE_GATEWAY_ALLOWED_ORIGINS": "https://a.example, https://b.example:8443",
        "FANFARE_GATEWAY_MAX_MESSAGE": "1MiB", "FANFARE_WORKERS_FFMPEG_ENABLED": "false",
        "FANFARE_WORKERS_DRAIN": "1m30s", "FANFARE_LOG_FORMAT": "json",
        "FANFARE_ADMISSION_DEFAULT_SCOPES": "jobs:read", "FANFARE_TOKEN": "x", "FANFARE_URL": "y",
      ])
    #expect(
      configuration.gateway.allowedOrigins == ["https://a.example", "https://b.example:8443"])
    #expect(configuration.gateway.maxMessage == .mebibytes(1))
    #expect(configuration.workers.ffmpeg.enabled == false)
    #expect(configuration.workers.drain == .seconds(90))
    #expect(configuration.log.format == .json)
    #expect(configuration.admission.defaultScopes == [.read])
  }

  @Test("finds the first file there is")
  func location() {
    let environment = ["HOME": "/h", "XDG_CONFIG_HOME": ""]
    #expect(ConfigurationFile.location(environment: environment) { _ in false } == nil)
    #expect(
      ConfigurationFile.location(environment: environment) { $0 != "config.toml" }
        == "/h/.config/fanfare/config.toml")
    #expect(
      ConfigurationFile.location(environment: ["FANFARE_CONFIG": "there"]) { _ in false } == "there"
    )
  }

  @Test("shows what is in force without its secrets, in a form that reads back")
  func listing() {
    var file = ConfigurationFile()
    file.read(
      """
      [broker]
      url = "redis://user:hunter2@host:1/2"
      [[admission.keys]]
      secret = "0123456789abcdef0123456789abcdef"
      [webhooks]
      secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
      [history]
      url = "postgres://user:hunter2@host/jobs"
      """, from: "config.toml")
    #expect(file.faults.isEmpty)
    let listing = file.configuration.listing
    #expect(!listing.contains("whsec_"))
    #expect(!listing.contains("hunter2"))
    #expect(!listing.contains("0123456789"))
    #expect(listing.contains("url = \"redis://user:***@host:1/2\""))
    var again = ConfigurationFile()
    again.read(listing, from: "listing")
    #expect(again.faults.isEmpty)
  }
}

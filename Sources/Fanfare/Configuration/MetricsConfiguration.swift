/// `[metrics]`: what Prometheus reads.
struct MetricsConfiguration: ConfigurationSection {
  var host = "127.0.0.1"
  /// 0: none of its own.
  var port = 0

  static let settings: [Setting<Self>] = [
    Setting("host", \.host, wanted: "an address to listen on, like \"127.0.0.1\" or \"::\"") { !$0.isEmpty },
    Setting("port", \.port, in: 0...65_535),
  ]
}

/// One thing wrong with the configuration: where, what was found, what was wanted.
struct ConfigurationFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// `gateway.port`; empty where the file itself is at fault.
  var key: String
  var found: String
  var wanted: String
  /// Who said it: a file's name, a variable, a flag; nil for a rule between keys.
  var source: String?

  var description: String {
    let place = [source, key.isEmpty ? nil : key].compactMap(\.self).joined(separator: ": ")
    return "\(place): found \(found); wanted \(wanted)"
  }
}

/// All that is wrong with a configuration, told at once.
struct ConfigurationFaults: Error, Hashable, Sendable, CustomStringConvertible {
  var faults: [ConfigurationFault]

  var description: String {
    let count = faults.count == 1 ? "1 fault" : "\(faults.count) faults"
    return "The configuration has \(count):\n"
      + faults.map { "  \($0)" }.joined(separator: "\n")
  }
}

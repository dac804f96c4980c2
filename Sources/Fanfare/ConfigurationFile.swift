import Foundation
import Gateway
import TOMLKit

/// Brings the configuration together: the defaults, then the file, then the environment, then flags.
///
/// Whatever is wrong at any of these is collected and told at once.
struct ConfigurationFile {
  /// A key set outside of the file, and by whom.
  struct Override: Hashable, Sendable {
    /// `gateway.port`
    var key: String
    var value: String
    /// `--port`, `FANFARE_GATEWAY_PORT`
    var source: String
  }

  private(set) var configuration = Configuration()
  private(set) var faults: [ConfigurationFault] = []

  /// The file that is read where none is named: `FANFARE_CONFIG`, `config.toml` here, the user's,
  /// the machine's; nil where there is none.
  static func location(
    environment: [String: String],
    exists: (String) -> Bool = FileManager.default.fileExists(atPath:)
  ) -> String? {
    if let named = environment["FANFARE_CONFIG"], !named.isEmpty { return named }
    let home = environment["HOME"].map { "\($0)/.config" }
    let user = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home
    return ["config.toml", user.map { "\($0)/fanfare/config.toml" }, "/etc/fanfare/config.toml"]
      .compactMap(\.self).first(where: exists)
  }

  /// Reads the file at `path` if there is one to read, then the environment, then `flags`.
  ///
  /// Throws ``ConfigurationFaults`` with everything that is wrong.
  static func load(
    path: String?, environment: [String: String], flags: [Override] = []
  ) throws(ConfigurationFaults) -> Configuration {
    var file = read(path, [], environment, flags)
    // The environment that an older system's operators know stands over the file, where the system is served.
    let legacy = file.configuration.legacyAPIs.flatMap { $0.overrides(in: environment) }
    if !legacy.isEmpty { file = read(path, legacy, environment, flags) }
    // Rules between keys are judged only where each key is sound: their text would mislead.
    if file.faults.isEmpty { file.faults = file.configuration.contradictions }
    guard file.faults.isEmpty else { throw ConfigurationFaults(faults: file.faults) }
    return file.configuration
  }

  private static func read(
    _ path: String?, _ legacy: [Override], _ environment: [String: String], _ flags: [Override]
  ) -> ConfigurationFile {
    var file = ConfigurationFile()
    if let path {
      if let text = try? String(contentsOfFile: path, encoding: .utf8) {
        file.read(text, from: path)
      } else {
        file.faults.append(
          ConfigurationFault(
            key: "", found: "no readable file", wanted: "a file of UTF-8 text", source: path))
      }
    }
    for override in legacy { file.apply(override) }
    file.apply(environment: environment)
    for flag in flags { file.apply(flag) }
    return file
  }

  /// Reads a file's text over what stands.
  mutating func read(_ text: String, from source: String) {
    do {
      read(tables: ConfigurationValue(try TOMLTable(string: text)), from: source)
    } catch let error as TOMLParseError {
      faults.append(
        ConfigurationFault(
          key: "", found: error.description,
          wanted: "TOML, at \(error.source.begin.debugDescription)", source: source))
    } catch {
      faults.append(ConfigurationFault(key: "", found: "\(error)", wanted: "TOML", source: source))
    }
  }

  private mutating func read(tables root: ConfigurationValue, from source: String) {
    guard case .table(let members) = root else { return }
    let names = Configuration.tables.map(\.name)
    for name in members.keys.sorted() where !names.contains(name) {
      // Some tables are only there for those in them: [compatibility.demucs].
      let inner = names.filter { $0.hasPrefix("\(name).") }
      guard !inner.isEmpty, case .table(let members)? = members[name] else {
        let outer = Set(names.compactMap { $0.split(separator: ".").first.map(String.init) })
        faults.append(.unknown(name, among: outer.sorted(), source: source))
        continue
      }
      for key in members.keys.sorted() where !inner.contains("\(name).\(key)") {
        faults.append(.unknown("\(name).\(key)", among: inner, source: source))
      }
    }
    for table in Configuration.tables {
      guard let value = root[path: table.name] else { continue }
      let inner = names.filter { $0.hasPrefix("\(table.name).") }
        .map { String($0.dropFirst(table.name.count + 1)) }
      faults += table.read(value, Set(inner), source, &configuration)
    }
  }

  /// Takes `FANFARE_SECTION_KEY` for each key of a plain table. A variable that begins as one of
  /// ours and names no key is a fault; other `FANFARE_` variables are not looked at.
  mutating func apply(environment: [String: String]) {
    var keys: [String: String] = [:]
    var prefixes: Set<String> = []
    for table in Configuration.tables where !table.isRepeated {
      prefixes.insert(Self.variable(for: table.name) + "_")
      for key in table.keys {
        keys[Self.variable(for: "\(table.name).\(key)")] = "\(table.name).\(key)"
      }
    }
    for (variable, value) in environment.sorted(by: { $0.key < $1.key }) {
      if let key = keys[variable] {
        apply(Override(key: key, value: value, source: variable))
      } else if prefixes.contains(where: variable.hasPrefix) {
        faults.append(
          ConfigurationFault(
            key: "", found: "an unknown key",
            wanted: nearestName(to: variable, among: Array(keys.keys)).map { "perhaps \($0)" }
              ?? "FANFARE_SECTION_KEY of a key in config.toml", source: variable))
      }
    }
  }

  /// The name of a key in the environment.
  static func variable(for key: String) -> String {
    "FANFARE_" + key.uppercased().replacing(".", with: "_")
  }

  private mutating func apply(_ override: Override) {
    let name = override.key.split(separator: ".").dropLast().joined(separator: ".")
    let key = String(override.key.split(separator: ".").last ?? "")
    guard let table = Configuration.tables.first(where: { $0.name == name && !$0.isRepeated })
    else {
      let all = Configuration.tables.filter { !$0.isRepeated }
        .flatMap { table in table.keys.map { "\(table.name).\($0)" } }
      let nearest = nearestName(to: override.key, among: all)
      faults.append(
        ConfigurationFault(
          key: override.key, found: "an unknown key",
          wanted: nearest.map { "perhaps \($0)" } ?? "section.key of a key in config.toml",
          source: override.source))
      return
    }
    faults += table.read(
      .table([key: .untyped(override.value)]), [], override.source, &configuration)
  }
}

extension ConfigurationValue {
  /// The value below a dotted name.
  fileprivate subscript(path path: String) -> ConfigurationValue? {
    var value = self
    for name in path.split(separator: ".") {
      guard case .table(let members) = value, let member = members[String(name)] else { return nil }
      value = member
    }
    return value
  }
}

extension Configuration {
  /// The whole configuration in the form of config.toml, secrets masked.
  var listing: String {
    Self.tables.flatMap { table in
      table.show(self).map { entries in
        let head = table.isRepeated ? "[[\(table.name)]]" : "[\(table.name)]"
        return ([head] + entries.map { "\($0.key) = \(masked($0, in: table))" })
          .joined(separator: "\n")
      }
    }.joined(separator: "\n\n")
  }

  private func masked(_ entry: ConfigurationTable.Entry, in table: ConfigurationTable) -> String {
    guard entry.isSecret, entry.value != .text(""), entry.value != .list([]) else { return "\(entry.value)" }
    // Of what has a form of its own nothing is left but a word beside it: the listing reads back.
    switch table.name {
    case "broker": return "\(ConfigurationValue.text(broker.publicURL))"
    case "webhooks": return "[] # ***"
    case "history": return "\"\" # ***"
    default: return "\"***\""
    }
  }
}

extension LegacyAPI {
  /// What the environment sets by the names that the system's operators know.
  fileprivate func overrides(in environment: [String: String]) -> [ConfigurationFile.Override] {
    variables.compactMap { variable in
      variable.value(in: environment).map {
        ConfigurationFile.Override(key: variable.key, value: $0, source: variable.names.joined(separator: ", "))
      }
    }
  }
}

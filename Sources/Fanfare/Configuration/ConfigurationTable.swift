/// A table of config.toml, its section's type forgotten: read and shown key by key.
struct ConfigurationTable: Sendable {
  /// `gateway`, `workers.ffmpeg`.
  let name: String
  /// Whether it may stand any number of times: `[[admission.keys]]`.
  let isRepeated: Bool
  let keys: [String]
  /// Puts a table's value into the configuration and says what is wrong with it. `outer` are names
  /// that stand in the table and are tables of their own.
  let read:
    @Sendable (
      _ value: ConfigurationValue, _ outer: Set<String>, _ source: String,
      _ configuration: inout Configuration
    ) -> [ConfigurationFault]
  /// The entries as they stand; one group for a plain table, any number for a repeated one.
  let show: @Sendable (Configuration) -> [[Entry]]

  struct Entry: Hashable, Sendable {
    var key: String
    var value: ConfigurationValue
    var isSecret: Bool
  }

  /// With `settings`, only these of the section's keys.
  init<Section: ConfigurationSection>(
    _ name: String, _ path: any WritableKeyPath<Configuration, Section> & Sendable,
    _ settings: [Setting<Section>] = Section.settings
  ) {
    self.name = name
    isRepeated = false
    keys = settings.map(\.name)
    read = { value, outer, source, configuration in
      configuration[keyPath: path].read(value, by: settings, at: name, outer: outer, source: source)
    }
    show = { [$0[keyPath: path].entries(of: settings)] }
  }

  /// A table that is repeated; each begins as `initial`.
  init<Section: ConfigurationSection>(
    each name: String, _ path: any WritableKeyPath<Configuration, [Section]> & Sendable,
    _ initial: Section
  ) {
    self.name = name
    isRepeated = true
    keys = Section.settings.map(\.name)
    read = { value, _, source, configuration in
      guard case .list(let values) = value else {
        return [
          ConfigurationFault(
            key: name, found: "\(value)", wanted: "tables, each headed [[\(name)]]", source: source)
        ]
      }
      var faults: [ConfigurationFault] = []
      configuration[keyPath: path] = values.enumerated().map { index, value in
        var section = initial
        faults += section.read(
          value, by: Section.settings, at: "\(name)[\(index)]", outer: [], source: source)
        return section
      }
      return faults
    }
    show = { $0[keyPath: path].map { $0.entries(of: Section.settings) } }
  }
}

extension ConfigurationSection {
  fileprivate mutating func read(
    _ value: ConfigurationValue, by settings: [Setting<Self>], at prefix: String, outer: Set<String>, source: String
  ) -> [ConfigurationFault] {
    guard case .table(let members) = value else {
      return [
        ConfigurationFault(
          key: prefix, found: "\(value)", wanted: "a table, headed [\(prefix)]", source: source)
      ]
    }
    var faults: [ConfigurationFault] = []
    for (name, value) in members.sorted(by: { $0.key < $1.key }) where !outer.contains(name) {
      let key = "\(prefix).\(name)"
      guard let setting = settings.first(where: { $0.name == name }) else {
        faults.append(
          .unknown(
            key, among: (settings.map(\.name) + outer).map { "\(prefix).\($0)" },
            source: source))
        continue
      }
      if !setting.read(value, &self) {
        faults.append(
          ConfigurationFault(
            key: key, found: setting.isSecret ? "something else" : "\(value)",
            wanted: setting.wanted, source: source))
      }
    }
    return faults
  }

  fileprivate func entries(of settings: [Setting<Self>]) -> [ConfigurationTable.Entry] {
    settings.map {
      ConfigurationTable.Entry(key: $0.name, value: $0.show(self), isSecret: $0.isSecret)
    }
  }
}

extension ConfigurationFault {
  /// A key that there is not, with the one that was probably meant.
  static func unknown(_ key: String, among names: [String], source: String) -> Self {
    let nearest = nearestName(to: key, among: names)
    return ConfigurationFault(
      key: key, found: "an unknown key",
      wanted: nearest.map { "perhaps \($0)" } ?? "one of \(names.sorted().joined(separator: ", "))",
      source: source)
  }
}
